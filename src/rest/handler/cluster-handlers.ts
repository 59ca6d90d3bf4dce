import { SLUICE_VERSION } from "../../common/version.ts";
import { ClusterOverviewHeaders, DashboardConfigurationHeaders } from "../messages/cluster-messages.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";

/** The newest Flink whose API this is. */
const FLINK_VERSION = `2.3-sluice-${SLUICE_VERSION}`;
const FLINK_COMMIT = `sluice ${SLUICE_VERSION}`;
const REFRESH_INTERVAL_MILLIS = 3_000;

export const CLUSTER_ROUTES: readonly RestRoute[] = [
  // Workers run in UTC, and the answer is the same for every cluster.
  route(DashboardConfigurationHeaders, async () => ({
    "refresh-interval": REFRESH_INTERVAL_MILLIS,
    "timezone-name": "Coordinated Universal Time",
    "timezone-offset": 0,
    "flink-version": FLINK_VERSION,
    "flink-revision": FLINK_COMMIT,
    features: { "web-submit": true, "web-cancel": true, "web-rescale": false, "web-history": false },
  })),

  route(ClusterOverviewHeaders, async ({ services }) => {
    const overview = await services.dispatcher.requestClusterOverview();
    return {
      taskmanagers: overview.taskManagers,
      "taskmanagers-blocked": 0,
      "slots-total": overview.slotsTotal,
      "slots-available": overview.slotsAvailable,
      "slots-free-and-blocked": 0,
      "jobs-running": overview.jobsRunning,
      "jobs-finished": overview.jobsFinished,
      "jobs-cancelled": overview.jobsCancelled,
      "jobs-failed": overview.jobsFailed,
      "flink-version": FLINK_VERSION,
      "flink-commit": FLINK_COMMIT,
    };
  }),
];
