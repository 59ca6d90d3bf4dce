import type { Terminal } from "./terminal.ts";

const LABEL_WIDTH = 35;

/** The ticked-off steps of a command: what was done, and a figure about it. */
export class StepList {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  done(label: string, note: string): void {
    this.#step(this.#terminal.colors.green("✔"), label, note);
  }

  failed(label: string, note: string): void {
    this.#step(this.#terminal.colors.red("✘"), label, note);
  }

  #step(mark: string, label: string, note: string): void {
    this.#terminal.clear();
    this.#terminal.line(`  ${mark} ${label.padEnd(LABEL_WIDTH)} ${note}`.trimEnd());
  }
}
