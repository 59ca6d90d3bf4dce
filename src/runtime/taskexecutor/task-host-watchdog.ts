import type { ScheduledCallback } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { MainThreadExecutor } from "../../rpc/main-thread-executor.ts";
import type { TaskHost } from "./task-host.ts";

/** Far longer than a slice of work with all its I/O takes. */
export const TASK_HOST_TIMEOUT = seconds(60);

/**
 * Puts a deadline on every call of a task host: one that hangs, whatever the reason, fails with TIMEOUT instead of holding its
 * tasks for ever. Main thread only.
 */
export class TaskHostWatchdog {
  readonly #executor: MainThreadExecutor;
  readonly #deadlines = new Set<ScheduledCallback>();

  constructor(executor: MainThreadExecutor) {
    this.#executor = executor;
  }

  watch(host: TaskHost): TaskHost {
    return {
      submitTask: (descriptor) => this.#within("submitTask", host.submitTask(descriptor)),
      cancelTask: (attemptId) => this.#within("cancelTask", host.cancelTask(attemptId)),
      triggerCheckpoint: (trigger) => this.#within("triggerCheckpoint", host.triggerCheckpoint(trigger)),
      notifyCheckpointComplete: (checkpointId) =>
        this.#within("notifyCheckpointComplete", host.notifyCheckpointComplete(checkpointId)),
      notifyCheckpointAborted: (checkpointId) =>
        this.#within("notifyCheckpointAborted", host.notifyCheckpointAborted(checkpointId)),
      run: (request) => this.#within("run", host.run(request)),
    };
  }

  /** Whoever was called is given up: nothing times out any more. */
  close(): void {
    for (const deadline of this.#deadlines) deadline.cancel();
    this.#deadlines.clear();
  }

  #within<T>(call: string, promise: Promise<T>): Promise<T> {
    const { promise: answer, resolve, reject } = Promise.withResolvers<T>();
    const deadline = this.#executor.schedule(() => {
      this.#deadlines.delete(deadline);
      reject(new SluiceException("TIMEOUT", `the task host did not answer ${call} within ${TASK_HOST_TIMEOUT} ms`));
      return undefined;
    }, TASK_HOST_TIMEOUT);
    this.#deadlines.add(deadline);
    const settled = (): void => {
      deadline.cancel();
      this.#deadlines.delete(deadline);
    };
    promise.then(
      (result) => {
        settled();
        resolve(result);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
    return answer;
  }
}
