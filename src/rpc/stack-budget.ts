/** So many calls in a row may remember where they were made. */
const BURST = 8;
/** In so many milliseconds one more may. */
const REFILL_MILLIS = 100;

/**
 * Says which calls remember where they were made: a stack costs as much as the rest of a call. A turn's calls do, and of
 * a flood one in a hundred milliseconds.
 */
export class StackBudget {
  #left = BURST;
  #seenMillis = 0;

  /** @param nowMillis what time it is; whoever asks for stacks may say so now and then. */
  refill(nowMillis: number): void {
    this.#left = Math.min(BURST, this.#left + Math.max(0, nowMillis - this.#seenMillis) / REFILL_MILLIS);
    this.#seenMillis = nowMillis;
  }

  take(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
