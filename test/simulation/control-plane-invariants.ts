import { brandId } from "../../src/common/ids.ts";
import type { AllocationID, JobID } from "../../src/common/ids.ts";
import { jobPrefix, resultsPrefix } from "../../src/runtime/blob/job-object-store.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import type { CheckpointPointer } from "../../src/runtime/checkpoint/checkpoint-storage.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { JobStatus } from "../../src/runtime/messages/job-status.ts";
import {
  clusterName,
  jobMasterAddress,
  parseObjectName,
  resourceManagerAddress,
} from "../../src/runtime/object-name.ts";
import type { InMemoryObjectStore } from "../../src/testing/in-memory-object-store.ts";
import type { SimulatedObject } from "../../src/testing/simulation/simulated-object.ts";
import type { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import type { CheckpointInvariants } from "./checkpoint-invariants.ts";
import { keysOf, storedAt, storedUnder, timersOf } from "./stored-state.ts";
import type { TaskRegistry } from "./task-registry.ts";
import type { Violations } from "./violations.ts";

const CLUSTER = clusterName();

interface StoredResult {
  readonly jobId: JobID;
  readonly status: JobStatus;
  readonly state: "dirty" | "clean";
}

export interface ControlPlaneInvariantsParts {
  readonly violations: Violations;
  readonly platform: SimulatedPlatform;
  readonly objects: InMemoryObjectStore;
  /** Written for somebody who was gone by then: they go when the job's result expires. */
  readonly orphans: ReadonlySet<string>;
  readonly tasks: TaskRegistry;
  readonly checkpoints: CheckpointInvariants;
}

/** Looks at what an endpoint has made durable, each time it has made something durable. */
export class ControlPlaneInvariants {
  readonly #parts: ControlPlaneInvariantsParts;
  readonly #acknowledged = new Set<JobID>();
  readonly #results = new Map<JobID, StoredResult>();
  readonly #ends = new Map<JobID, JobStatus>();

  constructor(parts: ControlPlaneInvariantsParts) {
    this.#parts = parts;
  }

  /** A client was told that the job was accepted: it must not be lost from now on. */
  acknowledged(jobId: JobID): void {
    this.#acknowledged.add(jobId);
  }

  /** Results that are stored, by job. */
  get results(): ReadonlyMap<JobID, StoredResult> {
    return this.#results;
  }

  /** An answer leaves: what it promises is stored. */
  answered({ gateway, method, endpoint }: RequestEnvelope, { outcome }: ReplyEnvelope): void {
    if (gateway !== "JobMaster" || method !== "cancel" || outcome !== "value") return;
    const jobMaster = this.#parts.platform.object(endpoint);
    if (jobMaster === undefined) return;
    const cancels = storedAt<{ readonly kind: string }>(jobMaster, "ending")?.kind === "cancel";
    const over = storedAt(jobMaster, "terminal") !== undefined || storedAt(jobMaster, "released") === true;
    this.#parts.violations.require(cancels || over, `the cancel of ${endpoint} was promised, and is not stored`);
  }

  confirmed(object: SimulatedObject): void {
    switch (parseObjectName(object.address)?.kind) {
      case "dispatcher":
        return this.#dispatcher(object);
      case "resource-manager":
        return this.#resourceManager(object);
      case "job-master":
        return this.#jobMaster(object);
      case "task-executor":
        return this.#taskExecutor(object);
      default:
        return;
    }
  }

  #dispatcher(object: SimulatedObject): void {
    const { violations } = this.#parts;
    const results = new Map(storedUnder<StoredResult>(object, "result/").map((result) => [result.jobId, result]));
    for (const jobId of this.#acknowledged) {
      const known = results.has(jobId) || storedAt(object, `job/${jobId}`) !== undefined;
      violations.require(known, `the acknowledged job ${jobId} was lost`);
    }
    const timers = new Set(timersOf(object));
    for (const { jobId, started } of storedUnder<{ readonly jobId: JobID; readonly started: boolean }>(
      object,
      "job/",
    )) {
      const willStart = started || results.has(jobId) || timers.has(`start/${jobId}`);
      violations.require(willStart, `the accepted job ${jobId} has not been started, and nothing is set to start it`);
    }
    for (const [jobId, former] of this.#results) {
      const result = results.get(jobId);
      violations.require(result?.status === former.status, `the result of job ${jobId} changed from ${former.status}`);
      const again = former.state === "clean" && result?.state !== "clean";
      violations.require(!again, `the clean result of job ${jobId} became dirty`);
    }
    for (const [jobId, result] of results) {
      if (result.state === "clean" && this.#results.get(jobId)?.state !== "clean") this.#requireCleanedUp(jobId);
      this.#results.set(jobId, result);
    }
  }

  /** Clean means: nothing of the job is left but its results. */
  #requireCleanedUp(jobId: JobID): void {
    const { violations, platform, objects, orphans } = this.#parts;
    const jobMaster = platform.object(jobMasterAddress(CLUSTER, jobId));
    const released = jobMaster !== undefined && storedAt(jobMaster, "released") === true;
    violations.require(released, `job ${jobId} is clean, but its JobMaster still stores it`);
    const resourceManager = platform.object(resourceManagerAddress(CLUSTER));
    const registered = resourceManager !== undefined && storedAt(resourceManager, `job/${jobId}`) !== undefined;
    violations.require(!registered, `job ${jobId} is clean, but the ResourceManager still holds it`);
    const kept = resultsPrefix(CLUSTER.cluster, jobId);
    const left = objects.keys(jobPrefix(CLUSTER.cluster, jobId)).filter((key) => !key.startsWith(kept));
    const metadata = left.filter((key) => key.endsWith("/_metadata") && !orphans.has(key));
    violations.require(metadata.length === 0, `job ${jobId} is clean, but ${metadata.join(", ")} is there`);
  }

  #resourceManager(object: SimulatedObject): void {
    const workers = storedUnder<{
      readonly jobId: JobID;
      readonly slots: readonly { readonly state: string; readonly allocationId?: AllocationID }[];
    }>(object, "worker/");
    const given = workers.flatMap(({ slots }) => slots.flatMap(({ allocationId }) => allocationId ?? []));
    this.#parts.violations.require(new Set(given).size === given.length, "an allocation is given to two slots");
  }

  #jobMaster(object: SimulatedObject): void {
    const { violations, checkpoints } = this.#parts;
    const jobId = brandId<JobID>(parseObjectName(object.address)?.id ?? "");
    if (storedAt(object, "released") === true) return;
    const graph = storedAt<{ readonly jobGraph: JobGraph }>(object, "job")?.jobGraph;
    if (graph === undefined) return;
    const end = storedAt<{ readonly status: JobStatus }>(object, "terminal")?.status;
    checkpoints.stored(graph, storedUnder<CheckpointPointer>(object, "checkpoint/"), end !== undefined);
    const sleep = storedAt<{ readonly waking: boolean }>(object, "sleep");
    const unread = keysOf(object).filter((key) => key.startsWith("inlet-batch/"));
    violations.require(
      sleep?.waking !== false || unread.length === 0 || end !== undefined,
      `job ${jobId} sleeps although nobody has read ${unread.join(", ")}`,
    );
    const operations = storedUnder<{ readonly stoppedAt?: object; readonly status: { readonly kind: string } }>(
      object,
      "operation/",
    );
    const stopped = operations.some(
      ({ stoppedAt, status }) => stoppedAt !== undefined && status.kind === "in-progress",
    );
    const ending = storedAt(object, "ending") !== undefined;
    violations.require(!stopped || ending, `job ${jobId} has stopped with a savepoint, and may go back behind it`);
    const known = this.#ends.get(jobId);
    violations.require(known === undefined || known === end, `job ${jobId} ended as ${known}, then was ${end}`);
    if (end !== undefined) this.#ends.set(jobId, end);
    const { restartStrategy } = graph.configuration;
    const charged = storedAt<{ readonly charged: number }>(object, "restarts")?.charged ?? 0;
    const budget = restartStrategy.kind === "fixed-delay" ? restartStrategy.attempts : 0;
    violations.require(charged <= budget, `job ${jobId}: ${charged} restarts, ${budget} allowed`);
    const clean = this.#results.get(jobId)?.state === "clean";
    violations.require(!clean, `job ${jobId} runs although its result is clean`);
  }

  #taskExecutor(object: SimulatedObject): void {
    const { violations, tasks, platform } = this.#parts;
    const slots = storedUnder<{ readonly slotIndex: number; readonly allocationId: AllocationID }>(object, "slot/");
    const start = storedAt<{ readonly slots: number }>(object, "start");
    const own = new Set(slots.map(({ allocationId }) => allocationId));
    violations.require(own.size === slots.length, "an allocation holds two slots of a TaskExecutor");
    violations.require(slots.length <= (start?.slots ?? 0), "a TaskExecutor gave more slots than it has");
    for (const other of platform.objects) {
      if (other === object || !other.address.includes("/task-executor/")) continue;
      const shared = storedUnder<{ readonly allocationId: AllocationID }>(other, "slot/").some((slot) =>
        own.has(slot.allocationId),
      );
      violations.require(!shared, "an allocation is held by two TaskExecutors");
    }
    if (object.current === undefined) return;
    for (const { descriptor } of tasks.tasksOf(object.current)) {
      violations.require(own.has(descriptor.allocationId), `${descriptor.taskName} runs in a slot that is free`);
    }
  }
}
