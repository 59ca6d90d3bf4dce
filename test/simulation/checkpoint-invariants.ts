import type { ExecutionAttemptID, JobID } from "../../src/common/ids.ts";
import { jobPrefix } from "../../src/runtime/blob/job-object-store.ts";
import { decodeCheckpointMetadata } from "../../src/runtime/checkpoint/checkpoint-metadata.ts";
import type { CheckpointPointer } from "../../src/runtime/checkpoint/checkpoint-storage.ts";
import { sourcePositionOf } from "../../src/runtime/checkpoint/completed-checkpoint.ts";
import type { CompletedCheckpoint } from "../../src/runtime/checkpoint/completed-checkpoint.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { TaskDeploymentDescriptor } from "../../src/runtime/messages/task-deployment-descriptor.ts";
import type { TaskHostReport } from "../../src/runtime/taskexecutor/task-host.ts";
import type { InMemoryObjectStore } from "../../src/testing/in-memory-object-store.ts";
import type { Violations } from "./violations.ts";

const CLUSTER = "default";

/**
 * A completed checkpoint is complete: every subtask's state in it was acknowledged by a host, and every object is there. Ids only
 * rise, and the newest one is never dropped while the job may need it.
 */
export class CheckpointInvariants {
  readonly #violations: Violations;
  readonly #objects: InMemoryObjectStore;
  readonly #descriptors = new Map<ExecutionAttemptID, TaskDeploymentDescriptor>();
  readonly #acknowledged = new Set<string>();
  readonly #newest = new Map<JobID, CheckpointPointer>();
  #completed = 0;

  constructor(violations: Violations, objects: InMemoryObjectStore) {
    this.#violations = violations;
    this.#objects = objects;
  }

  get completed(): number {
    return this.#completed;
  }

  /** A host took the task. */
  deployed(descriptor: TaskDeploymentDescriptor): void {
    this.#descriptors.set(descriptor.attemptId, descriptor);
  }

  /** A host said so. */
  reported({ acknowledgements }: TaskHostReport): void {
    for (const { checkpointId, acknowledgements: tasks } of acknowledgements) {
      for (const { attemptId } of tasks) {
        const descriptor = this.#descriptors.get(attemptId);
        if (descriptor === undefined) continue;
        const { jobId, jobVertexId, subtaskIndex } = descriptor;
        this.#acknowledged.add(`${jobId}/${checkpointId}/${jobVertexId}/${subtaskIndex}`);
      }
    }
  }

  /** What a JobMaster has stored, of a job that is not released. */
  stored(graph: JobGraph, pointers: readonly CheckpointPointer[], ended: boolean): void {
    const { jobId } = graph;
    const known = this.#newest.get(jobId);
    const newest = pointers.at(-1);
    if (newest === undefined) {
      this.#violations.require(known === undefined, `job ${jobId}: its newest checkpoint was dropped`);
      return;
    }
    if (known !== undefined && newest.checkpointId < known.checkpointId) {
      this.#violations.report(`job ${jobId}: checkpoint ${newest.checkpointId} after ${known.checkpointId}`);
      return;
    }
    const object = this.#objects.peek(newest.pointer);
    // An ended job is cleaned up from the outside.
    if (ended) return;
    this.#violations.require(object !== undefined, `job ${jobId}: metadata of its newest checkpoint is gone`);
    if (object === undefined) return;
    if (known?.checkpointId !== newest.checkpointId) {
      this.#completed += 1;
      this.#newest.set(jobId, newest);
      this.#violations.require(object.etag === newest.etag, `job ${jobId}: metadata is not the one that was written`);
      // What a job starts from is another one's.
      const own = newest.pointer.startsWith(jobPrefix(CLUSTER, jobId));
      if (own) this.#requireComplete(graph, decodeCheckpointMetadata(object.bytes));
    }
  }

  /** Somebody knows that the job's savepoint at `location` is complete: it stays so until he disposes of it. */
  savepoint(graph: JobGraph, location: string): void {
    const directory = savepointDirectory(location);
    const object = this.#objects.peek(`${directory}_metadata`);
    if (object === undefined) return this.#violations.report(`job ${graph.jobId}: its savepoint ${location} is gone`);
    this.#requireComplete(graph, decodeCheckpointMetadata(object.bytes), directory);
  }

  /** Somebody was told that nothing is left of it. */
  disposed(location: string): void {
    const left = this.#objects.keys(savepointDirectory(location));
    this.#violations.require(
      left.length === 0,
      `the savepoint ${location} was disposed of, but there is ${left.join(", ")}`,
    );
  }

  /** Records that the sources had read. */
  positionOf(location: string): number {
    const object = this.#objects.peek(`${savepointDirectory(location)}_metadata`);
    return object === undefined ? 0 : sourcePositionOf(decodeCheckpointMetadata(object.bytes));
  }

  #requireComplete(graph: JobGraph, { checkpointId, vertices }: CompletedCheckpoint, directory = ""): void {
    const { jobId } = graph;
    for (const { id, name, parallelism } of graph.vertices) {
      const subtasks = vertices.find(({ jobVertexId }) => jobVertexId === id)?.subtasks ?? [];
      const what = `job ${jobId}: checkpoint ${checkpointId}, ${name}`;
      this.#violations.require(
        subtasks.length === parallelism,
        `${what}: ${subtasks.length} of ${parallelism} subtasks`,
      );
      for (const [index, { finished, state }] of subtasks.entries()) {
        const acknowledged = this.#acknowledged.has(`${jobId}/${checkpointId}/${id}/${index}`);
        this.#violations.require(
          finished || acknowledged,
          `${what} (${index + 1}): completed without its acknowledgement`,
        );
        if (state?.kind !== "object") continue;
        const key = state.key.startsWith("./")
          ? directory + state.key.slice("./".length)
          : jobPrefix(CLUSTER, jobId) + state.key.replace(/^state\//, "");
        this.#violations.require(this.#objects.peek(key) !== undefined, `${what} (${index + 1}): its state is gone`);
      }
    }
  }
}

function savepointDirectory(location: string): string {
  return `v1/${CLUSTER}/${location}/`;
}
