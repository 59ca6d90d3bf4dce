/**
 * `npm run bench:control`: measures the control plane: its cores in processes of their own, jobs over HTTP in local workerd, and
 * what a cluster does when it has nothing to do. docs/benchmarks.md says what the rows mean.
 */
import { Command, InvalidArgumentError } from "commander";
import { renderTable } from "../rpc/report/render-table.ts";
import type { Row } from "../rpc/report/row.ts";
import { writeResults } from "./results-file.ts";
import { EXPERIMENTS } from "./rows.ts";
import type { BenchOptions } from "./rows.ts";

interface Options extends BenchOptions {
  readonly json?: true;
  readonly rows?: RegExp;
}

/** Less proves that the harness works and nothing else: it is not kept as results. */
const JOBS = 30;
const IDLE_SECONDS = 300;
const STEADY_SECONDS = 60;
const ROUNDS = 21;

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a positive integer");
  return value;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch {
    throw new InvalidArgumentError("expected a regular expression");
  }
}

function parseOptions(): Options {
  return new Command("bench:control")
    .description("Measures Sluice's control plane.")
    .option("--json", "print the rows as JSON instead of a table")
    .option("--rows <pattern>", "only experiments whose name matches this regular expression", pattern)
    .option("--jobs <n>", "runs of each kind of job over HTTP", positiveInteger, JOBS)
    .option("--idle-seconds <n>", "how long an idle cluster is watched", positiveInteger, IDLE_SECONDS)
    .option("--steady-seconds <n>", "how long a job of 100 TaskExecutors is watched", positiveInteger, STEADY_SECONDS)
    .option("--rounds <n>", "passes of the cores; the median is reported", positiveInteger, ROUNDS)
    .parse()
    .opts<Options>();
}

async function main(options: Options): Promise<void> {
  const experiments = EXPERIMENTS.filter(({ name }) => options.rows?.test(name) ?? true);
  if (experiments.length === 0) throw new RangeError(`--rows: nothing matches "${options.rows?.source ?? ""}"`);
  const rows: Row[] = [];
  for (const [position, { name, measure }] of experiments.entries()) {
    console.error(`[${position + 1}/${experiments.length}] ${name}`);
    rows.push(...(await measure(options)));
  }
  console.log(options.json === true ? JSON.stringify({ rows }, undefined, 2) : renderTable(rows));
  const whole = experiments.length === EXPERIMENTS.length;
  const long =
    options.jobs >= JOBS &&
    options.idleSeconds >= IDLE_SECONDS &&
    options.steadySeconds >= STEADY_SECONDS &&
    options.rounds >= ROUNDS;
  if (whole && long) console.error(`written to ${await writeResults(rows)}`);
}

try {
  await main(parseOptions());
} catch (error) {
  console.error(error instanceof RangeError ? error.message : error);
  process.exitCode = 1;
}
