import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchServer } from "./bench-server.ts";
import { MeasuringProcess } from "./measuring-process.ts";
import type { Side } from "./rows.ts";
import { SYSTEMS } from "./systems.ts";
import type { System, SystemName } from "./systems.ts";

const run = promisify(execFile);

/** Measures sides; keeps the processes that do it until it is disposed. */
export class Measure implements Disposable {
  readonly #server: BenchServer;
  readonly #budgetMillis: number;
  readonly #processes = new Map<SystemName, MeasuringProcess>();

  constructor(server: BenchServer, budgetMillis: number) {
    this.#server = server;
    this.#budgetMillis = budgetMillis;
  }

  async measure(side: Side): Promise<number> {
    const system: System = SYSTEMS[side.system];
    const plan = { load: side.load, width: side.width, budgetMillis: this.#budgetMillis };
    switch (system.kind) {
      case "worker":
        return (await this.#server.measure(system.worker, side.system, plan)).value;
      case "process":
        return (await (await this.#process(side.system, system.script)).measure(plan)).value;
      case "script":
        return runScript(system.script, system.args);
    }
  }

  [Symbol.dispose](): void {
    for (const child of this.#processes.values()) child[Symbol.dispose]();
  }

  async #process(system: SystemName, script: string): Promise<MeasuringProcess> {
    let child = this.#processes.get(system);
    if (child === undefined) {
      child = await MeasuringProcess.start(join(import.meta.dirname, script), [this.#server.url.href]);
      this.#processes.set(system, child);
    }
    return child;
  }
}

/** Options of Node stand before the script's own arguments. */
async function runScript(script: string, args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith("--"));
  const own = args.filter((arg) => !arg.startsWith("--"));
  const { stdout } = await run(process.execPath, [...options, join(import.meta.dirname, script), ...own]);
  const value = Number(stdout.trim().split("\n").at(-1));
  if (!Number.isFinite(value)) throw new Error(`${script}: expected a number as the last line, got "${stdout}"`);
  return value;
}
