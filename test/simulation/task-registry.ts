import type { ExecutionAttemptID } from "../../src/common/ids.ts";
import { isTerminalExecutionState } from "../../src/runtime/messages/execution-state.ts";
import type { TaskDeploymentDescriptor } from "../../src/runtime/messages/task-deployment-descriptor.ts";
import type { TaskHost, TaskHostFactory } from "../../src/runtime/taskexecutor/task-host.ts";
import type { SimulatedActivation } from "../../src/testing/simulation/simulated-activation.ts";
import type { CheckpointInvariants } from "./checkpoint-invariants.ts";
import type { Violations } from "./violations.ts";

/** A task in a host. */
export interface HostedTask {
  readonly descriptor: TaskDeploymentDescriptor;
  readonly owner: SimulatedActivation;
}

/**
 * Which attempts run where, as the task hosts have it: an attempt is deployed at most once, ever, and two lives of a JobMaster never
 * give the same attempt number to one subtask.
 */
export class TaskRegistry {
  readonly #violations: Violations;
  readonly #checkpoints: CheckpointInvariants;
  readonly #record: (line: string) => void;
  readonly #live = new Map<SimulatedActivation, Map<ExecutionAttemptID, HostedTask>>();
  readonly #deployed = new Set<ExecutionAttemptID>();
  readonly #numbers = new Map<string, ExecutionAttemptID>();

  constructor(violations: Violations, checkpoints: CheckpointInvariants, record: (line: string) => void) {
    this.#violations = violations;
    this.#checkpoints = checkpoints;
    this.#record = record;
  }

  /** Tasks that a host holds and has not reported as ended. */
  tasksOf(owner: SimulatedActivation): readonly HostedTask[] {
    return [...(this.#live.get(owner)?.values() ?? [])];
  }

  get deployments(): number {
    return this.#deployed.size;
  }

  get liveTasks(): number {
    return [...this.#live.values()].reduce((total, tasks) => total + tasks.size, 0);
  }

  /** The factory, watched. */
  watch(factory: TaskHostFactory, owner: SimulatedActivation): TaskHostFactory {
    owner.onEnd(() => this.#live.delete(owner));
    return {
      open: (self, module) => this.#watched(factory.open(self, module), owner),
      close: (self) => {
        this.#live.delete(owner);
        return factory.close(self);
      },
    };
  }

  #watched(host: TaskHost, owner: SimulatedActivation): TaskHost {
    return {
      submitTask: (descriptor) => {
        this.#submitted({ descriptor, owner });
        const submission = host.submitTask(descriptor);
        submission.catch(() => this.#live.get(owner)?.delete(descriptor.attemptId));
        return submission;
      },
      cancelTask: (attemptId) => host.cancelTask(attemptId),
      triggerCheckpoint: (trigger) => host.triggerCheckpoint(trigger),
      notifyCheckpointComplete: (checkpointId) => host.notifyCheckpointComplete(checkpointId),
      notifyCheckpointAborted: (checkpointId) => host.notifyCheckpointAborted(checkpointId),
      run: (request) => {
        const run = host.run(request);
        return run.then(
          (report) => {
            this.#checkpoints.reported(report);
            for (const { attemptId, state, failure } of report.states) {
              const task = this.#live.get(owner)?.get(attemptId)?.descriptor.taskName;
              this.#record(`${task ?? "task"} ${state} ${failure?.message ?? ""}`);
              if (isTerminalExecutionState(state)) this.#live.get(owner)?.delete(attemptId);
            }
            return report;
          },
          (error: unknown) => {
            this.#live.delete(owner);
            throw error;
          },
        );
      },
    };
  }

  #submitted(task: HostedTask): void {
    const { attemptId, jobId, jobVertexId, subtaskIndex, attemptNumber, allocationId, taskName } = task.descriptor;
    this.#checkpoints.deployed(task.descriptor);
    const name = `${taskName}, attempt ${attemptNumber}`;
    this.#violations.require(!this.#deployed.has(attemptId), `an attempt was deployed twice: ${name}`);
    this.#deployed.add(attemptId);
    const number = `${jobId}/${jobVertexId}/${subtaskIndex}/${attemptNumber}`;
    const known = this.#numbers.get(number) ?? attemptId;
    this.#violations.require(known === attemptId, `two attempts of one subtask have the same number: ${name}`);
    this.#numbers.set(number, attemptId);
    const tasks = this.#live.get(task.owner) ?? new Map<ExecutionAttemptID, HostedTask>();
    const twin = [...tasks.values()].find(
      ({ descriptor }) => descriptor.allocationId === allocationId && descriptor.jobVertexId === jobVertexId,
    );
    this.#violations.require(
      twin === undefined || twin.descriptor.attemptNumber !== attemptNumber,
      `a slot holds two subtasks of one vertex: ${name}`,
    );
    tasks.set(attemptId, task);
    this.#live.set(task.owner, tasks);
  }
}
