/**
 * `npm run bench:rpc`: measures the RPC layer against raw Workers RPC and the peers in one run and one workerd.
 * docs/benchmarks.md says what the rows mean.
 */
import { Command, InvalidArgumentError } from "commander";
import { BenchServer } from "./bench-server.ts";
import { Measure } from "./measure.ts";
import { renderTable } from "./report/render-table.ts";
import { writeResults } from "./report/results-file.ts";
import type { Row } from "./report/row.ts";
import { EXPERIMENTS } from "./rows.ts";
import type { Experiment, Side } from "./rows.ts";
import { runExperiment } from "./run-experiment.ts";

interface Options {
  readonly json?: true;
  readonly rows?: RegExp;
  readonly rounds: number;
  readonly millis: number;
}

/** Fewer rounds, or shorter ones, prove that the harness works and nothing else: they are not kept as results. */
const ROUNDS = 9;
const MILLIS = 1_000;

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
  return new Command("bench:rpc")
    .description("Measures Sluice's RPC layer against raw Workers RPC and peers.")
    .option("--json", "print the rows as JSON instead of a table")
    .option("--rows <pattern>", "only rows whose name matches this regular expression", pattern)
    .option("--rounds <n>", "counted rounds; the median is reported", positiveInteger, ROUNDS)
    .option("--millis <n>", "how long one measurement of a rate goes on", positiveInteger, MILLIS)
    .parse()
    .opts<Options>();
}

function select(rows: RegExp | undefined): readonly Experiment[] {
  if (rows === undefined) return EXPERIMENTS;
  const selected = EXPERIMENTS.map((experiment) => experiment.filter(({ name }) => rows.test(name)));
  return selected.filter((experiment) => experiment.length > 0);
}

async function measureAll(experiments: readonly Experiment[], options: Options): Promise<readonly Row[]> {
  await using server = await BenchServer.start();
  using measure = new Measure(server, options.millis);
  const rows: Row[] = [];
  for (const [position, experiment] of experiments.entries()) {
    console.error(`[${position + 1}/${experiments.length}] ${experiment[0]?.name ?? ""}`);
    rows.push(...(await runExperiment(experiment, options.rounds, (side) => measureAloud(measure, side))));
  }
  return rows;
}

/** A failure is one line of its row; here it is told in full. */
async function measureAloud(measure: Measure, side: Side): Promise<number> {
  try {
    return await measure.measure(side);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    throw error;
  }
}

/** Whether these rows replace the last results: all of them, from a run long enough to be read. */
function areResults(rows: readonly Row[], options: Options): boolean {
  const skipped = rows.some(({ reason }) => reason?.startsWith("skipped:"));
  return options.rows === undefined && options.rounds >= ROUNDS && options.millis >= MILLIS && !skipped;
}

async function main(options: Options): Promise<void> {
  const experiments = select(options.rows);
  if (experiments.length === 0) throw new RangeError(`--rows: no row matches "${options.rows?.source ?? ""}"`);
  const rows = await measureAll(experiments, options);
  console.log(options.json === true ? JSON.stringify({ rows }, undefined, 2) : renderTable(rows));
  if (areResults(rows, options)) console.error(`written to ${await writeResults(rows, options.rounds)}`);
}

try {
  await main(parseOptions());
} catch (error) {
  console.error(error instanceof RangeError ? error.message : error);
  process.exitCode = 1;
}
