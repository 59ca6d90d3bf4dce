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

  /** Replaces the live line; nothing without a screen. */
  live(text: string): void {
    if (!this.isLive) return;
    this.clear();
    this.#live = text;
    this.#stream.write(text);
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
