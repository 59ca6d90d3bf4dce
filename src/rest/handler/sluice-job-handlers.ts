import { SluiceJobHeaders } from "../messages/sluice-messages.ts";
import { sluiceJobInfo } from "../view/sluice-job-info.ts";
import { requestJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";

export const SLUICE_JOB_ROUTES: readonly RestRoute[] = [
  route(SluiceJobHeaders, async ({ path, services }) =>
    sluiceJobInfo(await requestJob(services, path.jobid), services.clock.now()),
  ),
];
