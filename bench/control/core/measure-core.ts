/**
 * `node measure-core.ts <load> <subtasks> <rounds>`: measures the core of one JobMaster and prints the figures as JSON in the last
 * line. A process of its own, so that its heap is its own.
 */
import { CoreJob } from "./core-job.ts";
import type { CorePhase, CoreResult, PhaseTimes } from "./core-result.ts";

const MICROS_PER_MILLI = 1_000;
const MILLIS_PER_SECOND = 1_000;
const MEBIBYTE = 1024 * 1024;

const [load, subtasksText, roundsText] = process.argv.slice(2);
const [subtasks, rounds] = [Number(subtasksText), Number(roundsText)];

let peakBytes = 0;
function sampleHeap(): void {
  peakBytes = Math.max(peakBytes, process.memoryUsage().heapUsed);
}

/** Build, schedule, deploy, finish. */
async function wholeJob(): Promise<CoreResult> {
  const started = performance.now();
  const job = new CoreJob(subtasks);
  sampleHeap();
  await job.schedule();
  sampleHeap();
  job.finish();
  sampleHeap();
  if (job.status !== "FINISHED") throw new Error(`expected FINISHED, got ${job.status}`);
  const seconds = (performance.now() - started) / MILLIS_PER_SECOND;
  return { seconds, peakMebibytes: peakBytes / MEBIBYTE };
}

/** Microseconds per subtask of each phase, medians over the rounds are the caller's. */
async function phases(): Promise<CoreResult> {
  const times: PhaseTimes[] = [];
  for (let round = 0; round < rounds; round += 1) times.push(await onePass());
  return { phases: times };
}

async function onePass(): Promise<PhaseTimes> {
  const times: Partial<Record<CorePhase, number>> = {};
  const measure = async <T>(phase: CorePhase, work: () => T | Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    times[phase] = ((performance.now() - started) * MICROS_PER_MILLI) / subtasks;
    return result;
  };
  const job = await measure("build", () => new CoreJob(subtasks));
  await measure("schedule", () => job.schedule());
  await measure("failover", () => job.failover());
  await measure("checkpoint", async () => {
    for (const acknowledge of await job.trigger()) acknowledge();
    await job.completed(1);
  });
  // Each phase was measured above.
  return times as PhaseTimes;
}

/** Acknowledgements of one checkpoint after the other, from TaskExecutors of four tasks, by the second. */
async function acknowledgements(): Promise<CoreResult> {
  const job = new CoreJob(subtasks);
  await job.schedule();
  let millis = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const calls = await job.trigger();
    const started = performance.now();
    for (const acknowledge of calls) acknowledge();
    millis += performance.now() - started;
    await job.completed(round);
  }
  return { acknowledgementsPerSecond: (rounds * subtasks * MILLIS_PER_SECOND) / millis };
}

const LOADS: Readonly<Record<string, () => Promise<CoreResult>>> = { "whole job": wholeJob, phases, acknowledgements };
const run = LOADS[load ?? ""];
if (run === undefined) throw new RangeError(`load: expected one of ${Object.keys(LOADS).join(", ")}, got "${load}"`);
console.log(JSON.stringify(await run()));
