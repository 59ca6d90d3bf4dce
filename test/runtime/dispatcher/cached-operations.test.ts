import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { Dispatcher } from "../../../src/runtime/dispatcher/dispatcher.ts";
import { initializingJob } from "../../../src/runtime/dispatcher/job-pictures.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import type { SnapshotOperationStatus } from "../../../src/runtime/messages/snapshot-operations.ts";
import {
  clusterName,
  dispatcherAddress,
  jobMasterAddress,
  resourceManagerAddress,
} from "../../../src/runtime/object-name.ts";
import { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { testingJobGraph, testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import { ControlPlaneWorld } from "../control-plane-world.ts";

const CLUSTER = clusterName();
const ADDRESS = dispatcherAddress(CLUSTER);
const { jobId } = testingJobGraph();
const TARGET = { targetDirectory: "dir", cancelJob: false };
const UNREACHABLE = new SluiceException("UNAVAILABLE", "not now", { retryable: true });

/** A Dispatcher with one job, whose JobMaster does what the test says. */
class World extends ControlPlaneWorld {
  readonly heard: string[] = [];
  outcome: SnapshotOperationStatus | undefined = { kind: "in-progress" };
  reachable = true;

  constructor() {
    super();
    const objects = new InMemoryObjectStore(this.clock);
    this.start(ADDRESS, DispatcherGateway, (context) => new Dispatcher(context, { objects }));
    this.serve(resourceManagerAddress(CLUSTER), {
      gateway: ResourceManagerGateway,
      handlers: { disconnectJobManager: () => ACKNOWLEDGE },
    });
    const begin = (call: string): SnapshotOperationStatus => {
      this.heard.push(call);
      if (!this.reachable) throw UNREACHABLE;
      return this.outcome ?? { kind: "in-progress" };
    };
    this.serve(jobMasterAddress(CLUSTER, jobId), {
      gateway: JobMasterGateway,
      handlers: {
        startJob: () => ACKNOWLEDGE,
        releaseJob: () => ACKNOWLEDGE,
        triggerCheckpoint: (id) => begin(`checkpoint ${id}`),
        triggerSavepoint: (id, directory, cancel) => begin(`savepoint ${id} ${directory} ${String(cancel)}`),
        stopWithSavepoint: (id, directory, drain) => begin(`stop ${id} ${directory} ${String(drain)}`),
        requestSnapshotOperation: (id) => {
          this.heard.push(`ask ${id}`);
          if (!this.reachable) throw UNREACHABLE;
          return this.outcome;
        },
      },
    });
  }

  get dispatcher(): DispatcherGateway {
    return this.gateway(DispatcherGateway, ADDRESS);
  }

  async started(): Promise<this> {
    await this.dispatcher.submitJob(testingSubmission());
    return this;
  }

  status(triggerId: string, of: JobID = jobId): Promise<SnapshotOperationStatus | undefined> {
    return this.dispatcher.getTriggeredSavepointStatus(of, triggerId);
  }
}

const completed = (endedMillis: number): SnapshotOperationStatus => ({
  kind: "completed",
  checkpointId: 7,
  location: "savepoints/x",
  endedMillis,
});

describe("operations (SVP-10, rest-v1 6.2)", () => {
  it("the same id again is the same operation, under way and after its end", async () => {
    const world = await new World().started();
    for (let time = 0; time < 3; time += 1) {
      expect(await world.dispatcher.triggerSavepoint(jobId, "a", TARGET)).toBe(ACKNOWLEDGE);
    }
    expect(world.heard).toEqual(["savepoint a dir false"]);
    expect(await world.status("a")).toEqual({ kind: "in-progress" });
    world.outcome = completed(world.clock.now());
    expect(await world.status("a")).toMatchObject({ kind: "completed", location: "savepoints/x" });
    await world.dispatcher.triggerSavepoint(jobId, "a", TARGET);
    expect(await world.status("a")).toMatchObject({ kind: "completed" });
    expect(world.heard).toEqual(["savepoint a dir false", "ask a", "ask a"]);
  });

  it("stops, cancels and checkpoints reach the JobMaster as what they are; ids of checkpoints are their own", async () => {
    const world = await new World().started();
    await world.dispatcher.stopWithSavepoint(jobId, "s", { targetDirectory: "d", drain: true });
    await world.dispatcher.triggerSavepoint(jobId, "c", { targetDirectory: "d", cancelJob: true });
    await world.dispatcher.triggerCheckpoint(jobId, "s");
    expect(world.heard).toEqual(["stop s d true", "savepoint c d true", "checkpoint s"]);
    expect(await world.dispatcher.getTriggeredCheckpointStatus(jobId, "c")).toBeUndefined();
  });

  it("outcomes are kept for five minutes after the end; another job knows nothing of the id", async () => {
    const world = await new World().started();
    await world.dispatcher.triggerSavepoint(jobId, "a", TARGET);
    world.outcome = completed(world.clock.now());
    expect(await world.status("a", brandId("9".repeat(32)))).toBeUndefined();
    await world.clock.advance(299_999);
    expect(await world.status("a")).toMatchObject({ kind: "completed" });
    await world.clock.advance(1);
    expect(await world.status("a")).toBeUndefined();
  });

  it("of an unknown job they fail", async () => {
    const world = new World();
    const unknown = brandId<JobID>("9".repeat(32));
    expect(await world.dispatcher.triggerSavepoint(unknown, "a", TARGET)).toBe(ACKNOWLEDGE);
    expect(await world.status("a", unknown)).toMatchObject({ kind: "failed", failure: { code: "JOB_NOT_FOUND" } });
  });

  it("one that did not reach the JobMaster is sent again by whoever asks, for a minute", async () => {
    const world = await new World().started();
    world.reachable = false;
    await world.dispatcher.triggerSavepoint(jobId, "a", TARGET);
    await world.dispatcher.triggerSavepoint(jobId, "b", TARGET);
    expect(await world.status("a")).toEqual({ kind: "in-progress" });
    world.reachable = true;
    expect(await world.status("a")).toEqual({ kind: "in-progress" });
    await world.status("a");
    expect(world.heard.filter((call) => call.endsWith("a dir false"))).toHaveLength(3);
    expect(world.heard.at(-1)).toBe("ask a");
    await world.clock.advance(60_001);
    expect(await world.status("b")).toMatchObject({ kind: "failed", failure: { code: "TIMEOUT" } });
  });

  it("one that the JobMaster has had and forgotten is never begun anew", async () => {
    const world = await new World().started();
    await world.dispatcher.triggerSavepoint(jobId, "a", TARGET);
    world.outcome = undefined;
    expect(await world.status("a")).toMatchObject({ kind: "failed", failure: { code: "NOT_FOUND" } });
    expect(world.heard).toEqual(["savepoint a dir false", "ask a"]);
  });

  it("SVP-06: of a job that has ended the outcome is what the job left behind", async () => {
    const world = await new World().started();
    await world.dispatcher.stopWithSavepoint(jobId, "a", { targetDirectory: "d", drain: false });
    await world.dispatcher.triggerSavepoint(jobId, "b", TARGET);
    const graph = testingJobGraph();
    const job = { jobId, name: graph.name, submittedMillis: 0, requestHash: "", started: true, cancelRequested: false };
    const drawn = initializingJob({ ...job, slots: 1, quotas: { stateBytes: 1 } }, graph);
    const operations = [{ triggerId: "a", status: completed(world.clock.now()) }];
    const info = { ...drawn, status: "FINISHED", operations } as const;
    await world.dispatcher.jobReachedTerminalState(1 as Epoch as JobMasterId, info);
    expect(await world.status("a")).toMatchObject({ kind: "completed" });
    expect(await world.status("b")).toMatchObject({ kind: "failed" });
    await world.dispatcher.triggerSavepoint(jobId, "c", TARGET);
    expect(await world.status("c")).toMatchObject({
      kind: "failed",
      failure: { message: expect.stringContaining("FINISHED") },
    });
  });
});
