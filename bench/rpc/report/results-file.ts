import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Row } from "./row.ts";

const BENCH = join(import.meta.dirname, "../..");
const RESULTS = join(BENCH, "results/rpc.json");

const Package = z.object({ version: z.string() });
const Manifest = z.object({ dependencies: z.record(z.string(), z.string()) });

async function readVersion(path: string): Promise<string> {
  return Package.parse(JSON.parse(await readFile(path, "utf8"))).version;
}

/**
 * Replaces the last results by `rows`, with the date, the versions of everything that took part, and how busy the machine
 * was: with a load average near its number of cores, something else ran and the ratios say little.
 */
export async function writeResults(rows: readonly Row[], rounds: number): Promise<string> {
  const { dependencies: peers } = Manifest.parse(JSON.parse(await readFile(join(BENCH, "package.json"), "utf8")));
  const versions = {
    sluice: await readVersion(join(BENCH, "../package.json")),
    node: process.versions.node,
    workerd: await readVersion(join(BENCH, "../node_modules/workerd/package.json")),
    wrangler: await readVersion(join(BENCH, "../node_modules/wrangler/package.json")),
    ...peers,
  };
  await mkdir(dirname(RESULTS), { recursive: true });
  const machine = { cores: availableParallelism(), loadAverage: loadavg()[1] };
  const text = JSON.stringify({ date: new Date().toISOString(), rounds, versions, machine, rows }, undefined, 2);
  await writeFile(RESULTS, `${text}\n`);
  return RESULTS;
}
