import type { ExecutionAttemptID, ResourceID } from "../../common/ids.ts";
import type { AdoptedAttempt } from "../executiongraph/execution.ts";
import { placeOf } from "../messages/execution-attempt-id.ts";
import type { RunningTask } from "../messages/running-task.ts";
import type { SchedulerState } from "../scheduler/scheduler-state.ts";
import type { SlotPool } from "./slot-pool.ts";

/** A task of an earlier life, and where it runs. */
export interface FoundTask extends RunningTask {
  readonly location: ResourceID;
}

/**
 * The tasks that the JobMaster's earlier life deployed and that run without it (over HA-06). A region goes on if all its
 * subtasks are found in slots that the job holds, and are the ones that were deployed last: then none of them was ever
 * superseded, and they know each other.
 */
export class TaskReconciliation {
  readonly #deployed: readonly number[];
  readonly #tasks = new Map<ExecutionAttemptID, FoundTask>();

  /** @param deployed attempt number, by region, of what was deployed last. */
  constructor(deployed: readonly number[]) {
    this.#deployed = deployed;
  }

  /** What a TaskExecutor runs. */
  report(location: ResourceID, tasks: readonly RunningTask[]): void {
    for (const task of tasks) this.#tasks.set(task.attemptId, { ...task, location });
  }

  /** The TaskExecutor is gone. */
  forget(location: ResourceID): void {
    for (const task of this.all()) if (task.location === location) this.#tasks.delete(task.attemptId);
  }

  /** A task has emitted all its data since it was reported. */
  noteEndOfData(attemptIds: readonly ExecutionAttemptID[]): void {
    for (const attemptId of attemptIds) {
      const task = this.#tasks.get(attemptId);
      if (task !== undefined) this.#tasks.set(attemptId, { ...task, endOfData: true });
    }
  }

  all(): readonly FoundTask[] {
    return [...this.#tasks.values()];
  }

  /** The attempts of all regions that can go on. */
  adoptable({ graph, regions }: SchedulerState, pool: SlotPool): readonly AdoptedAttempt[] {
    const found = new Map<number, FoundTask>();
    for (const task of this.#tasks.values()) {
      const place = placeOf(task.attemptId);
      const isLatest = this.#deployed[regions.of({ place })] === task.attemptNumber;
      if (isLatest && pool.holds(task.location, task.allocationId)) found.set(place, task);
    }
    const attempts = new Map<number, AdoptedAttempt[]>();
    const incomplete = new Set<number>();
    for (let place = 0; place < graph.size; place += 1) {
      const region = regions.of({ place });
      const task = found.get(place);
      if (task === undefined) {
        incomplete.add(region);
        continue;
      }
      const { attemptId, attemptNumber, allocationId, location, endOfData } = task;
      const ofRegion = attempts.get(region) ?? [];
      ofRegion.push({ attemptId, attemptNumber, slot: { allocationId, location }, endOfData });
      attempts.set(region, ofRegion);
    }
    return [...attempts].flatMap(([region, ofRegion]) => (incomplete.has(region) ? [] : ofRegion));
  }
}
