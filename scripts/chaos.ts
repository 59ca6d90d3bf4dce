/**
 * `npm run chaos`: kills the workerd process at random moments of real jobs' lives, and checks that no job is lost, none
 * doubled, and every result right.
 */
import { Command, InvalidArgumentError } from "commander";
import { CHAOS_PHASES, chaosPassed, runChaos } from "../test/chaos/run-chaos.ts";
import type { ChaosSummary } from "../test/chaos/run-chaos.ts";

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly json?: true;
}

const KILLS = 50;
const SEED = 1;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a positive integer");
  return value;
}

function describeSummary(summary: ChaosSummary): string {
  const phases = CHAOS_PHASES.map((phase) => `${phase} ${summary.phases[phase]}`).join(", ");
  return [
    `${summary.kills} kills in ${summary.seconds} s (${phases}), seed ${summary.seed}`,
    `${summary.interruptedSavepoints} of the kills came while a savepoint was being taken`,
    `${summary.jobs} jobs: ${summary.lost} lost, ${summary.doubled} doubled, ${summary.wrong} wrong; ${summary.restarts} restarts`,
    ...summary.faults,
  ].join("\n");
}

const options = new Command("chaos")
  .description("Kills workerd (SIGKILL) at random moments of jobs' lives.")
  .option("--kills <n>", "how often", wholeNumber, KILLS)
  .option("--seed <n>", "which moments", wholeNumber, SEED)
  .option("--json", "print a summary as JSON")
  .parse()
  .opts<Options>();

const summary = await runChaos({ ...options, onProgress: (line) => console.error(line) });
console.log(options.json === true ? JSON.stringify(summary) : describeSummary(summary));
process.exitCode = chaosPassed(summary) ? 0 : 1;
