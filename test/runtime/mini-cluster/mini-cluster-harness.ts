import type { JobID } from "../../../src/common/ids.ts";
import type { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import type { JobStatus } from "../../../src/runtime/messages/job-status.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import type { MiniClusterOptions } from "../../../src/testing/mini-cluster.ts";
import { ScriptedTaskHosts } from "../../../src/testing/scripted-task-host.ts";
import type { TaskScript } from "../../../src/testing/scripted-task-host.ts";
import { testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import type { TestingJobOptions } from "../../../src/testing/testing-job-graph.ts";

export const SECOND = 1_000;

/** A mini cluster whose task hosts follow a script. */
export class ScriptedCluster implements Disposable {
  readonly cluster: MiniCluster;
  readonly hosts: ScriptedTaskHosts;

  constructor(script: Partial<TaskScript> = {}, options: Omit<MiniClusterOptions, "hosts"> = {}) {
    let hosts: ScriptedTaskHosts | undefined;
    this.cluster = new MiniCluster({ ...options, hosts: (clock) => (hosts = new ScriptedTaskHosts(clock, script)) });
    if (hosts === undefined) throw new Error("the cluster made no task hosts");
    this.hosts = hosts;
  }

  get dispatcher(): DispatcherGateway {
    return this.cluster.dispatcher;
  }

  async submit(options: TestingJobOptions = {}, idempotencyKey?: string): Promise<JobID> {
    const { jobId } = await this.cluster.resolve(this.dispatcher.submitJob(testingSubmission(options, idempotencyKey)));
    return jobId;
  }

  status(jobId: JobID): Promise<JobStatus> {
    return this.cluster.resolve(this.dispatcher.requestJobStatus(jobId));
  }

  reach(jobId: JobID, status: JobStatus): Promise<void> {
    return this.cluster.until(async () => (await this.status(jobId)) === status);
  }

  /** Waits for the end, without a word to the cluster. */
  async end(jobId: JobID, stepMillis = 5 * SECOND): Promise<JobStatus> {
    let status: JobStatus = "INITIALIZING";
    await this.cluster.until(
      async () => {
        // The one who answers may crash meanwhile; the client just asks again.
        status = await this.status(jobId).catch(() => status);
        return isGloballyTerminal(status);
      },
      { stepMillis },
    );
    return status;
  }

  /** What is still set, held or running. */
  async leftovers(): Promise<readonly string[]> {
    const timers = this.cluster
      .addresses()
      .filter((address) => this.cluster.nextTimer(address) !== undefined)
      .map((address) => `timer of ${address}`);
    const workers = await this.cluster.resolve(this.cluster.resourceManager.requestTaskManagerInfo());
    const hosts = [...this.hosts.load.keys()].map((self) => `host of ${self}`);
    const callbacks = this.cluster.clock.pending === 0 ? [] : [`${this.cluster.clock.pending} callbacks`];
    return [...timers, ...workers.map(({ resourceId }) => `worker ${resourceId}`), ...hosts, ...callbacks];
  }

  [Symbol.dispose](): void {
    this.cluster.close();
  }
}
