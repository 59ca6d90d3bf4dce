import { SluiceException } from "../../common/exceptions.ts";
import { SLOTS_PER_TASK_EXECUTOR } from "../jobgraph/job-configuration.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";
import { MAX_TASK_EXECUTORS_PER_JOB, type ClusterQuotas } from "../messages/cluster-quotas.ts";
import { requiredSlots } from "../scheduler/slot-sharing.ts";
import type { AcceptedJob } from "./job-store.ts";

/**
 * Whether the cluster takes this job beside the active ones; asked before it is stored, so that no accepted job waits for
 * slots that it can never have.
 *
 * @throws SluiceException QUOTA_EXCEEDED naming the quota, what is used and what is asked for.
 */
export function checkJobQuotas(quotas: ClusterQuotas, active: readonly AcceptedJob[], jobGraph: JobGraph): void {
  const hint = "cancel a job or wait for the end of one";
  if (active.length >= quotas.jobs) {
    throw exceeded(`jobs: the cluster may have ${quotas.jobs} at a time and has them; ${hint}`);
  }
  const asked = requiredSlots(jobGraph);
  const used = active.reduce((sum, { slots }) => sum + slots, 0);
  if (used + asked > quotas.slots) {
    const have = `the cluster may have ${quotas.slots}, its jobs need ${used}, this one ${asked}`;
    throw exceeded(`slots: ${have}; ${hint}, or run it at a lower parallelism`);
  }
  const askedWorkers = taskExecutorsFor(asked);
  if (askedWorkers > MAX_TASK_EXECUTORS_PER_JOB) {
    throw exceeded(`taskExecutors: a job may have ${MAX_TASK_EXECUTORS_PER_JOB}, this one needs ${askedWorkers}`);
  }
  const usedWorkers = active.reduce((sum, { slots }) => sum + taskExecutorsFor(slots), 0);
  if (usedWorkers + askedWorkers > quotas.taskExecutors) {
    const have = `the cluster may have ${quotas.taskExecutors}, its jobs need ${usedWorkers}, this one ${askedWorkers}`;
    throw exceeded(`taskExecutors: ${have}; ${hint}, or run it at a lower parallelism`);
  }
}

/** @throws SluiceException QUOTA_EXCEEDED. */
export function checkModuleQuota(quotas: ClusterQuotas, bytes: number): void {
  if (bytes <= quotas.moduleBytes) return;
  throw exceeded(
    `moduleBytes: the cluster takes modules of at most ${quotas.moduleBytes} bytes, this one has ${bytes}`,
  );
}

/** Every TaskExecutor belongs to one job. */
function taskExecutorsFor(slots: number): number {
  return Math.ceil(slots / SLOTS_PER_TASK_EXECUTOR);
}

function exceeded(message: string): SluiceException {
  return new SluiceException("QUOTA_EXCEEDED", message);
}
