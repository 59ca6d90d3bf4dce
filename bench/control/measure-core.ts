import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CoreResult } from "./core/core-result.ts";

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "core/measure-core.ts");

export interface CoreLoad {
  readonly load: "whole job" | "phases" | "acknowledgements";
  readonly subtasks: number;
  readonly rounds: number;
  /** Options of Node, such as a heap that ends early. */
  readonly nodeOptions?: readonly string[];
}

/** Runs a load in a process of its own. @throws Error with the process's own words if it fails. */
export async function measureCore({ load, subtasks, rounds, nodeOptions = [] }: CoreLoad): Promise<CoreResult> {
  const { stdout } = await run(process.execPath, [...nodeOptions, SCRIPT, load, String(subtasks), String(rounds)]);
  // Written by the script.
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as CoreResult;
}
