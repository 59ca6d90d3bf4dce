import { SluiceException } from "../../common/exceptions.ts";
import type { JobVertexID } from "../../common/ids.ts";
import type { TaskDeploymentDescriptor } from "../../runtime/messages/task-deployment-descriptor.ts";
import type { JobDefinition } from "../graph/job-definition.ts";
import { generateJobGraph } from "../graph/job-graph-generator.ts";
import type { JobVertexPlan } from "../graph/stream-node.ts";

export type JobPlans = ReadonlyMap<JobVertexID, JobVertexPlan>;

/**
 * Builds the job's graph again, from the user's module and the deployed configuration.
 *
 * @throws INVALID_PROGRAM if it is not the graph that was submitted: the program depends on something besides its text.
 */
export async function rebuildPlans(definition: JobDefinition, descriptor: TaskDeploymentDescriptor): Promise<JobPlans> {
  const { jobId, module, configuration, graphHash } = descriptor;
  const { jobGraph, plans } = await generateJobGraph(definition, {
    jobId,
    module,
    parallelism: configuration.parallelism,
    restartStrategy: configuration.restartStrategy,
  });
  if (jobGraph.hash !== graphHash) {
    throw new SluiceException(
      "INVALID_PROGRAM",
      `the job's graph is another one on this TaskExecutor (${jobGraph.hash.slice(0, 8)}) than at submission ` +
        `(${graphHash.slice(0, 8)}): the build function must not depend on time, randomness or state`,
    );
  }
  return plans;
}
