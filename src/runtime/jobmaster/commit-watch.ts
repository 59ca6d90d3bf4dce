import { seconds } from "../../common/duration.ts";
import type { MainThreadExecutor } from "../../rpc/main-thread-executor.ts";

/** A follower that hears nothing for so long is answered nevertheless, and asks again. */
export const COMMIT_WAIT = seconds(20);

/** Those who wait for the job's next commit. In memory only: who is lost asks again. Main thread only. */
export class CommitWatch {
  readonly #executor: MainThreadExecutor;
  readonly #waiting = new Set<() => void>();
  #commits = 0;

  constructor(executor: MainThreadExecutor) {
    this.#executor = executor;
  }

  get commits(): number {
    return this.#commits;
  }

  /** Sinks have committed, or the job has ended: whoever waits is answered. */
  wake(): void {
    this.#commits += 1;
    for (const answer of Array.from(this.#waiting)) answer();
  }

  /** Settles with the next {@link wake}, or after {@link COMMIT_WAIT}; never rejects. */
  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = (): void => {
      timeout.cancel();
      this.#waiting.delete(answer);
      resolve();
    };
    const timeout = this.#executor.schedule(() => {
      answer();
      return undefined;
    }, COMMIT_WAIT);
    this.#waiting.add(answer);
    return promise;
  }
}
