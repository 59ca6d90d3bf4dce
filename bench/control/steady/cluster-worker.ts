import { systemClock } from "../../../src/common/clock.ts";
import { durableObject } from "../../../src/entrypoint/durable-object.ts";
import { rpcServiceOf } from "../../../src/entrypoint/durable-object-rpc.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import { MAX_CLUSTER_QUOTAS } from "../../../src/runtime/messages/cluster-quotas.ts";
import {
  clusterName,
  dispatcherAddress,
  jobMasterAddress,
  resourceManagerAddress,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { TaskExecutor } from "../../../src/runtime/taskexecutor/task-executor.ts";
import { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";
import { ScriptedTaskHosts } from "../../../src/testing/scripted-task-host.ts";
import { chainGraph } from "./chain-graph.ts";

export { ResourceManagerObject } from "../../../src/entrypoint/control-plane-objects.ts";

const VERTICES = 10;

/** A TaskExecutor whose tasks are scripted: an isolate for each of a hundred is more than one process bears. */
export const TaskExecutorObject = durableObject(
  (context) => new TaskExecutor(context, { hosts: new ScriptedTaskHosts(systemClock, { bounded: false }) }),
  [TaskExecutorGateway],
);

/** `/start?parallelism=n` starts the job as a Dispatcher would; any other path tells how it stands. */
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/ready") return new Response();
    const rpcService = rpcServiceOf(env);
    const cluster = clusterName();
    const graph = chainGraph(VERTICES, Number(url.searchParams.get("parallelism")));
    const jobMaster = rpcService.gateway(JobMasterGateway, jobMasterAddress(cluster, graph.jobId));
    if (url.pathname === "/start") {
      const resourceManager = rpcService.gateway(ResourceManagerGateway, resourceManagerAddress(cluster));
      await resourceManager.openCluster(MAX_CLUSTER_QUOTAS);
      await jobMaster.startJob(graph, dispatcherAddress(cluster), MAX_CLUSTER_QUOTAS);
    }
    const [details, checkpoints] = [await jobMaster.requestJobDetails(), await jobMaster.requestCheckpointStats()];
    const failures = details.status === "RUNNING" ? [] : (await jobMaster.requestJob()).exceptionHistory;
    return Response.json({ ...details, checkpoints: checkpoints?.counts, failures });
  },
} satisfies ExportedHandler<Env>;

interface Env {
  readonly JOB_MASTER: DurableObjectNamespace;
  readonly RESOURCE_MANAGER: DurableObjectNamespace;
}
