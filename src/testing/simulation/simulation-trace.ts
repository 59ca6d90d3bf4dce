const FNV_OFFSET_LOW = 0x811c9dc5;
const FNV_OFFSET_HIGH = 0xcbf29ce4;
const FNV_PRIME_LOW = 0x01000193;
const FNV_PRIME_HIGH = 0x85ebca6b;
const HEX = 16;
const WORD_DIGITS = 8;

/** What happened in a simulation, as lines, and as one hash of them all: equal hashes mean equal runs. */
export class SimulationTrace {
  readonly #print: ((line: string) => void) | undefined;
  readonly #now: () => number;
  readonly #startMillis: number;
  #low = FNV_OFFSET_LOW;
  #high = FNV_OFFSET_HIGH;
  #events = 0;

  /** @param print receives every line as it happens. */
  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now;
    this.#startMillis = now();
    this.#print = print;
  }

  get events(): number {
    return this.#events;
  }

  /** Of all lines so far, with their times. */
  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(HEX).padStart(WORD_DIGITS, "0")).join("");
  }

  record(line: string): void {
    this.#events += 1;
    const text = `${this.#now() - this.#startMillis} ${line}`;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, FNV_PRIME_LOW);
      this.#high = Math.imul(this.#high ^ code ^ (this.#low >>> 13), FNV_PRIME_HIGH);
    }
    this.#print?.(text);
  }
}
