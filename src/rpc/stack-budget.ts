/** So many calls in a row may remember where they were made. */
const BURST = 8;

/**
 * Says which calls remember where they were made: a stack costs as much as the rest of a call. A turn's calls do, and of
 * a flood one in each millisecond.
 */
export class StackBudget {
  #left = BURST;
  #seenMillis = 0;

  take(nowMillis: number): boolean {
    this.#left = Math.min(BURST, this.#left + Math.max(0, nowMillis - this.#seenMillis));
    this.#seenMillis = nowMillis;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
