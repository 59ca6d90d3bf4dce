import type { SluiceException } from "../common/exceptions.ts";

/** Whether the result of a message is still wanted: at most one change, from wanted to not. */
export class Cancellation {
  #reason: SluiceException | undefined;
  // Made when asked for: most handlers never look.
  #listeners: Set<(reason: SluiceException) => void> | undefined;
  #controller: AbortController | undefined;

  /** Why the result is not wanted any more; undefined while it is. */
  get reason(): SluiceException | undefined {
    return this.#reason;
  }

  /** The same signal each time. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls `listener` when it is cancelled, at once if it was. @returns ends the subscription. */
  onCancel(listener: (reason: SluiceException) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => undefined;
    }
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** The first reason stays. */
  cancel(reason: SluiceException): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener(reason);
    this.#controller?.abort(reason);
  }
}
