import type { SluiceException } from "../common/exceptions.ts";
import type { HeldAction } from "./turn.ts";

/**
 * Items that an endpoint hands out as they come to be: returned by a stream method, fed by later turns. Made by
 * `RpcEndpoint.itemStream`, whose turns own it. What a turn pushes leaves when the turn has succeeded.
 */
export class ItemStream<T> {
  readonly #hold: (action: HeldAction) => void;
  readonly #onClose: (() => void) | undefined;
  #items: T[] = [];
  #end: { readonly error: SluiceException | undefined } | undefined;
  #arrived = Promise.withResolvers<void>();
  #closed = false;

  /** @internal endpoint code uses `RpcEndpoint.itemStream`. */
  constructor(hold: (action: HeldAction) => void, onClose: (() => void) | undefined) {
    this.#hold = hold;
    this.#onClose = onClose;
  }

  /** Whether nobody takes items any more: the consumer left, or the stream ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Items that were pushed and not taken. A source that is faster than its consumer watches it. */
  get waiting(): number {
    return this.#items.length;
  }

  /** Without effect on a stream that is closed. */
  push(item: T): void {
    this.#change(() => this.#items.push(item));
  }

  /** No more items; with an error, the consumer gets it after the last one. */
  end(error?: SluiceException): void {
    this.#change(() => (this.#end ??= { error }));
  }

  /** @internal up to `credit` items; waits for the first. */
  async take(credit: number): Promise<{ readonly items: readonly T[]; readonly done: boolean }> {
    while (this.#items.length === 0 && this.#end === undefined) await this.#arrived.promise;
    const items = this.#items.splice(0, credit);
    if (items.length === 0 && this.#end?.error !== undefined) throw this.#end.error;
    return { items, done: this.#items.length === 0 && this.#end !== undefined && this.#end.error === undefined };
  }

  /** @internal nobody takes items any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#items = [];
    this.#end ??= { error: undefined };
    this.#arrived.resolve();
    this.#onClose?.();
  }

  #change(change: () => void): void {
    this.#hold({
      send: () => {
        if (this.#closed || this.#end !== undefined) return;
        change();
        this.#arrived.resolve();
        this.#arrived = Promise.withResolvers();
      },
      drop: () => undefined,
    });
  }
}
