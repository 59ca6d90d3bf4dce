import type { Logger } from "../common/log.ts";

/** Why a message did not reach its handler, or was never sent. */
export type DeadLetterReason =
  | "malformed"
  | "not-started"
  | "terminated"
  | "overloaded"
  | "fenced"
  | "refused"
  | "expired"
  | "cancelled"
  | "unreachable"
  | "turn-failed";

export interface DeadLetter {
  readonly reason: DeadLetterReason;
  /** `tell(Counter.reset())` and the address it went to. */
  readonly message: string;
  readonly detail: string;
}

/** How many of the latest dead letters are kept. */
const KEPT = 64;

/** Counts what got lost, by reason, so that no loss is silent (contract P5, P19). One per service. */
export class DeadLetters {
  readonly #log: Logger;
  readonly #counts = new Map<DeadLetterReason, number>();
  readonly #latest: DeadLetter[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  record(letter: DeadLetter): void {
    this.#counts.set(letter.reason, this.count(letter.reason) + 1);
    this.#latest.push(letter);
    if (this.#latest.length > KEPT) this.#latest.shift();
    this.#log.info(`dead letter (${letter.reason}): ${letter.message}`, { detail: letter.detail });
  }

  count(reason: DeadLetterReason): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** The newest last; at most 64. */
  latest(): readonly DeadLetter[] {
    return [...this.#latest];
  }
}
