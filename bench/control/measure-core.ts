import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CoreResult } from "./core/core-result.ts";

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "core/measure-core.ts");

export interface CoreLoad {
  readonly load: "whole job" | "growth" | "acknowledgements";
  readonly rounds: number;
  /** Left out where the load has widths of its own. */
  readonly subtasks?: number;
  /** Options of Node, such as a heap that ends early. */
  readonly nodeOptions?: readonly string[];
}

/** Runs a load in a process of its own. @throws Error with the process's own words if it fails. */
export async function measureCore({ load, rounds, subtasks, nodeOptions = [] }: CoreLoad): Promise<CoreResult> {
  const numbers = subtasks === undefined ? [rounds] : [rounds, subtasks];
  const { stdout } = await run(process.execPath, [...nodeOptions, SCRIPT, load, ...numbers.map(String)]);
  // Written by the script.
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as CoreResult;
}
