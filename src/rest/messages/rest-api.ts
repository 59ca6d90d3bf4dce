import * as checkpoints from "./checkpoint-messages.ts";
import * as cluster from "./cluster-messages.ts";
import * as jars from "./jar-messages.ts";
import * as details from "./job-details-messages.ts";
import * as jobs from "./job-messages.ts";
import type { MessageHeaders } from "./message-headers.ts";
import * as savepoints from "./savepoint-messages.ts";
import * as clusters from "./sluice-cluster-messages.ts";
import * as sluice from "./sluice-messages.ts";
import * as taskManagers from "./task-manager-messages.ts";

/** Every call of the API, Flink's first. */
export const REST_API: readonly MessageHeaders[] = [
  cluster.DashboardConfigurationHeaders,
  cluster.ClusterOverviewHeaders,
  jars.JarListHeaders,
  jars.JarUploadHeaders,
  jars.JarDeleteHeaders,
  jars.JarPlanGetHeaders,
  jars.JarPlanPostHeaders,
  jars.JarRunHeaders,
  jobs.JobIdsWithStatusesOverviewHeaders,
  jobs.JobsOverviewHeaders,
  details.JobDetailsHeaders,
  jobs.JobCancellationHeaders,
  jobs.YarnCancelJobHeaders,
  jobs.JobStatusInfoHeaders,
  jobs.JobPlanHeaders,
  jobs.JobConfigHeaders,
  jobs.JobExceptionsHeaders,
  jobs.JobExecutionResultHeaders,
  details.JobVertexDetailsHeaders,
  details.SubtaskCurrentAttemptDetailsHeaders,
  details.SubtasksTimesHeaders,
  details.JobVertexTaskManagersHeaders,
  checkpoints.CheckpointingStatisticsHeaders,
  checkpoints.CheckpointConfigHeaders,
  checkpoints.CheckpointStatisticDetailsHeaders,
  checkpoints.SubtaskCheckpointStatisticsHeaders,
  checkpoints.CheckpointTriggerHeaders,
  checkpoints.CheckpointStatusHeaders,
  savepoints.SavepointTriggerHeaders,
  savepoints.SavepointStatusHeaders,
  savepoints.StopWithSavepointHeaders,
  savepoints.SavepointDisposalTriggerHeaders,
  savepoints.SavepointDisposalStatusHeaders,
  taskManagers.TaskManagersHeaders,
  taskManagers.TaskManagerDetailsHeaders,
  sluice.SluiceJobHeaders,
  sluice.JobResultsHeaders,
  sluice.PushRecordsHeaders,
  sluice.ObjectListHeaders,
  sluice.ObjectPutHeaders,
  sluice.ObjectGetHeaders,
  sluice.ObjectDeleteHeaders,
  clusters.ClusterListHeaders,
  clusters.ClusterGetHeaders,
  clusters.ClusterPutHeaders,
  clusters.ClusterDeleteHeaders,
];
