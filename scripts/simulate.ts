/**
 * `npm run simulate`: the whole control plane under seeded faults, in virtual time.
 *
 *   npm run simulate -- --seeds 5000 --json     a series of runs, one line of JSON
 *   npm run simulate -- --seed 231              one run, with its trace
 *   npm run simulate -- --mutants --json        planted bugs, and in how many seeds each was caught
 *
 * The exit code is 1 if an invariant was broken, or a mutant got away.
 */
import { Command, InvalidArgumentError } from "commander";
import pc from "picocolors";
import { runMutants } from "../test/simulation/run-mutants.ts";
import { runSeeds, simulate } from "../test/simulation/run-seeds.ts";

const DEFAULT_SEEDS = 300;
const MUTANT_SEEDS = 500;
/** A mutant that was caught so often need not be looked at any longer. */
const MUTANT_CATCHES = 5;
const MILLIS_PER_SECOND = 1_000;
const MILLIS_PER_HOUR = 3_600_000;

interface Options {
  readonly seed?: number;
  readonly seeds?: number;
  readonly from: number;
  readonly stopAfter?: number;
  readonly mutants?: true;
  readonly only?: string;
  readonly json?: true;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a positive integer");
  return value;
}

const options = new Command("simulate")
  .description("Runs the whole control plane under seeded faults, in virtual time.")
  .option("--seed <n>", "run this seed alone, with its trace", wholeNumber)
  .option("--seeds <n>", `how many seeds (default: ${DEFAULT_SEEDS}, ${MUTANT_SEEDS} of a mutant)`, wholeNumber)
  .option("--from <n>", "the first of them", wholeNumber, 1)
  .option("--stop-after <n>", "end after so many seeds with violations", wholeNumber)
  .option("--mutants", "plant bugs, and tell in how many seeds each was caught")
  .option("--only <text>", "only mutants with this in their names")
  .option("--json", "print a summary as JSON")
  .parse()
  .opts<Options>();

const started = performance.now();
const elapsedSeconds = (): number => Math.round((performance.now() - started) / 100) / 10;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function oneSeed(seed: number): Promise<boolean> {
  const { violations, ...rest } = await simulate(seed, options.json === true ? {} : { print });
  if (options.json === true) print(JSON.stringify({ ...rest, violations }));
  else {
    print(
      `seed ${seed}: trace ${rest.traceHash}, ${rest.events} events, ${rest.virtualMillis / MILLIS_PER_SECOND} s of virtual time`,
    );
    for (const violation of violations) print(pc.red(`violation: ${violation}`));
  }
  return violations.length === 0;
}

async function manySeeds(count: number): Promise<boolean> {
  let first: string | undefined;
  const { from, stopAfter } = options;
  const { seeds, violations, faults, virtualMillis } = await runSeeds({
    from,
    count,
    ...(stopAfter === undefined ? {} : { stopAfter }),
    onResult: (result) => {
      if (result.violations.length === 0) return;
      first ??= `seed ${result.seed}: ${result.violations.join("; ")}`;
      if (options.json !== true) print(pc.red(`seed ${result.seed}: ${result.violations.join("; ")}`));
    },
  });
  const summary = {
    seeds,
    violations,
    faults,
    virtual_hours: Math.round((virtualMillis / MILLIS_PER_HOUR) * 10) / 10,
    seconds: elapsedSeconds(),
    ...(first === undefined ? {} : { first }),
  };
  if (options.json === true) print(JSON.stringify(summary));
  else {
    for (const [kind, happened] of Object.entries(faults)) print(`  ${kind.padEnd(20)} ${happened}`);
    print(
      `${seeds} seeds, ${violations} with violations, ${summary.virtual_hours} virtual hours in ${summary.seconds} s`,
    );
  }
  return violations === 0;
}

async function allMutants(): Promise<boolean> {
  const mutants = [];
  const seeds = options.seeds ?? MUTANT_SEEDS;
  for await (const result of runMutants({ seeds, stopAfter: MUTANT_CATCHES, only: options.only })) {
    mutants.push(result);
    if (options.json !== true) {
      const mark = result.caught > 0 ? pc.green("✔") : pc.red("✘");
      print(`${mark} ${result.name}: caught in ${result.caught} of ${result.seeds} seeds; ${result.by}`);
    }
  }
  const escaped = mutants.filter(({ caught }) => caught === 0).length;
  if (options.json === true) print(JSON.stringify({ mutants, escaped, seconds: elapsedSeconds() }));
  return escaped === 0;
}

async function main(): Promise<boolean> {
  if (options.mutants === true) return allMutants();
  if (options.seed !== undefined) return oneSeed(options.seed);
  return manySeeds(options.seeds ?? DEFAULT_SEEDS);
}

process.exitCode = (await main()) ? 0 : 1;
