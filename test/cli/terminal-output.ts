import { PassThrough } from "node:stream";
import { Terminal } from "../../src/cli/terminal.ts";

/** A terminal whose output can be read back. */
export class TerminalOutput {
  readonly terminal: Terminal;
  readonly #stream = new PassThrough();
  #text = "";

  constructor(isLive = false, columns?: number) {
    if (columns !== undefined) Object.assign(this.#stream, { columns });
    this.#stream.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
    this.terminal = new Terminal(this.#stream, isLive);
  }

  get text(): string {
    return this.#text;
  }

  get lines(): readonly string[] {
    return this.#text.split("\n").slice(0, -1);
  }
}
