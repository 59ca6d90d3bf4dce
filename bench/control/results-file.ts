import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Row } from "../rpc/report/row.ts";

const RESULTS = join(import.meta.dirname, "../results/control.json");
const Package = z.object({ version: z.string() });

async function versionOf(path: string): Promise<string> {
  return Package.parse(JSON.parse(await readFile(join(import.meta.dirname, path), "utf8"))).version;
}

/** Replaces the last results, with the date, the versions of what took part, and how busy the machine was. */
export async function writeResults(rows: readonly Row[]): Promise<string> {
  const versions = {
    sluice: await versionOf("../../package.json"),
    node: process.versions.node,
    workerd: await versionOf("../../node_modules/workerd/package.json"),
  };
  const machine = { cores: availableParallelism(), loadAverage: loadavg()[1] };
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(
    RESULTS,
    `${JSON.stringify({ date: new Date().toISOString(), versions, machine, rows }, undefined, 2)}\n`,
  );
  return RESULTS;
}
