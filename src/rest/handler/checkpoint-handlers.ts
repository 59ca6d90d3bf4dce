import type { JobID } from "../../common/ids.ts";
import type { CheckpointStatsSnapshot } from "../../runtime/messages/checkpoint-stats.ts";
import {
  CheckpointConfigHeaders,
  CheckpointingStatisticsHeaders,
  CheckpointStatisticDetailsHeaders,
} from "../messages/checkpoint-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { checkpointingStatistics, checkpointStatistics } from "../view/checkpoint-statistics.ts";
import { queryJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

export const CHECKPOINT_ROUTES: readonly RestRoute[] = [
  route(CheckpointingStatisticsHeaders, async ({ path, services }) =>
    checkpointingStatistics(await requestStats(services, path.jobid)),
  ),

  route(CheckpointConfigHeaders, async ({ path, services }) => {
    const { configuration } = await requestStats(services, path.jobid);
    return {
      mode: "exactly_once" as const,
      interval: configuration.intervalMillis,
      timeout: configuration.timeoutMillis,
      min_pause: configuration.minPauseMillis,
      max_concurrent: configuration.maxConcurrent,
      externalization: { enabled: false, delete_on_cancellation: true },
      state_backend: "heap",
      checkpoint_storage: "object-store",
      unaligned_checkpoints: false,
      tolerable_failed_checkpoints: configuration.tolerableFailed,
      aligned_checkpoint_timeout: 0,
      checkpoints_after_tasks_finish: true,
      state_changelog_enabled: false,
      changelog_periodic_materialization_interval: 0,
      changelog_storage: "",
    };
  }),

  route(CheckpointStatisticDetailsHeaders, async ({ path, services }) => {
    const snapshot = await requestStats(services, path.jobid);
    const stats = [...snapshot.history, snapshot.latestCompleted, snapshot.latestFailed].find(
      (candidate) => candidate?.checkpointId === path.checkpointid,
    );
    if (stats === undefined) {
      throw new RestHandlerException(
        404,
        `Could not find checkpointing statistics for checkpoint ${path.checkpointid}.`,
      );
    }
    return checkpointStatistics(stats, "detailed");
  }),
];

/** @throws RestHandlerException 404 for an unknown job, and for one without checkpointing. */
async function requestStats(services: ClusterServices, jobId: JobID): Promise<CheckpointStatsSnapshot> {
  const snapshot = await queryJob(jobId, (id) => services.dispatcher.requestCheckpointStats(id));
  if (snapshot === undefined) throw new RestHandlerException(404, `Checkpointing is not enabled for job ${jobId}.`);
  return snapshot;
}
