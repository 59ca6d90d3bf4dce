import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { CheckpointConfiguration } from "../../runtime/jobgraph/job-configuration.ts";
import type { CheckpointStats, CheckpointStatsSnapshot } from "../../runtime/messages/checkpoint-stats.ts";
import {
  CheckpointConfigHeaders,
  CheckpointStatusHeaders,
  CheckpointTriggerHeaders,
  CheckpointingStatisticsHeaders,
  CheckpointStatisticDetailsHeaders,
  SubtaskCheckpointStatisticsHeaders,
} from "../messages/checkpoint-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { checkpointingStatistics, checkpointStatistics } from "../view/checkpoint-statistics.ts";
import { failureCause } from "../view/failure-cause.ts";
import { taskCheckpointStatistics } from "../view/task-checkpoint-statistics.ts";
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
      externalization: externalizationOf(configuration),
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
    const stats = findCheckpoint(await requestStats(services, path.jobid), path.checkpointid);
    return checkpointStatistics(stats, "detailed");
  }),

  route(SubtaskCheckpointStatisticsHeaders, async ({ path, services }) => {
    const { checkpointid: checkpointId, vertexid: vertexId } = path;
    const stats = findCheckpoint(await requestStats(services, path.jobid), checkpointId);
    const task = stats.tasks.find(({ jobVertexId }) => jobVertexId === vertexId);
    const subtasks = await services.dispatcher.requestCheckpointSubtasks(path.jobid, { checkpointId, vertexId });
    if (task === undefined || subtasks === undefined) {
      throw new RestHandlerException(
        404,
        `There is no checkpoint statistics for task ${vertexId} and checkpoint ${checkpointId}.`,
      );
    }
    return taskCheckpointStatistics(stats, task, subtasks);
  }),

  route(CheckpointTriggerHeaders, async ({ path, body, services }) => {
    if (body.checkpointType === "INCREMENTAL") {
      throw new SluiceException("ILLEGAL_STATE", "checkpointType: no checkpoint here is incremental");
    }
    const triggerId = body.triggerId ?? services.ids.hex();
    await services.dispatcher.triggerCheckpoint(path.jobid, triggerId);
    return { "request-id": triggerId };
  }),

  route(CheckpointStatusHeaders, async ({ path, services }) => {
    const status = await services.dispatcher.getTriggeredCheckpointStatus(path.jobid, path.triggerid);
    if (status === undefined) {
      throw new RestHandlerException(
        404,
        `There is no checkpoint operation with triggerId=${path.triggerid} for job ${path.jobid}.`,
      );
    }
    if (status.kind === "in-progress") return { status: { id: "IN_PROGRESS" as const }, operation: null };
    return {
      status: { id: "COMPLETED" as const },
      operation:
        status.kind === "completed"
          ? { checkpointId: status.checkpointId }
          : { failureCause: failureCause(status.failure) },
    };
  }),
];

function externalizationOf({ externalizedRetention = "NO_EXTERNALIZED_CHECKPOINTS" }: CheckpointConfiguration) {
  return {
    enabled: externalizedRetention !== "NO_EXTERNALIZED_CHECKPOINTS",
    delete_on_cancellation: externalizedRetention !== "RETAIN_ON_CANCELLATION",
  };
}

/** @throws RestHandlerException 404 if it is not one of those that are kept. */
function findCheckpoint(snapshot: CheckpointStatsSnapshot, checkpointId: number): CheckpointStats {
  const { history, latestCompleted, latestSavepoint, latestFailed } = snapshot;
  const stats = [...history, latestCompleted, latestSavepoint, latestFailed].find(
    (candidate) => candidate?.checkpointId === checkpointId,
  );
  if (stats !== undefined) return stats;
  throw new RestHandlerException(404, `Could not find checkpointing statistics for checkpoint ${checkpointId}.`);
}

/** @throws RestHandlerException 404 for an unknown job, and for one without checkpointing. */
async function requestStats(services: ClusterServices, jobId: JobID): Promise<CheckpointStatsSnapshot> {
  const snapshot = await queryJob(jobId, (id) => services.dispatcher.requestCheckpointStats(id));
  if (snapshot === undefined) throw new RestHandlerException(404, `Checkpointing is not enabled for job ${jobId}.`);
  return snapshot;
}
