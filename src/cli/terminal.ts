import type { Writable } from "node:stream";
import { createColors } from "picocolors";

type Colors = ReturnType<typeof createColors>;

/** Where a command writes. Lines go out whole; a live line is redrawn in place, and only where there is a screen. */
export class Terminal {
  readonly colors: Colors;
  readonly isLive: boolean;
  readonly #stream: Writable;
  #live = "";

  /** @param isLive whether the stream is a screen that can be redrawn; then there are colours, too. */
  constructor(stream: Writable, isLive: boolean) {
    this.#stream = stream;
    this.isLive = isLive;
    this.colors = createColors(isLive);
  }

  line(text = ""): void {
    const live = this.#live;
    this.clear();
    this.#stream.write(`${text}\n`);
    this.live(live);
  }

  /** Replaces the live line; nothing without a screen. `text` has no colours: what is wider than the screen is cut off. */
  live(text: string): void {
    if (!this.isLive) return;
    this.clear();
    this.#live = text;
    // A line that wraps is two lines, of which only the second could be redrawn.
    this.#stream.write(text.slice(0, this.#width - 1));
  }

  get #width(): number {
    return "columns" in this.#stream && typeof this.#stream.columns === "number" && this.#stream.columns > 0
      ? this.#stream.columns
      : Number.POSITIVE_INFINITY;
  }

  /** Takes the live line away. */
  clear(): void {
    if (this.#live === "") return;
    this.#live = "";
    this.#stream.write("\r\u001b[2K");
  }
}

/** Drops everything. */
export function silentTerminal(): Terminal {
  return new Terminal(NOWHERE, false);
}

const NOWHERE = { write: () => true } as unknown as Writable;
