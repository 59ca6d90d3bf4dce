/**
 * `node measure-core.ts <load> <subtasks> <rounds>`: measures the core of one JobMaster and prints the figures as JSON in the last
 * line. A process of its own, so that its heap is its own.
 */
import { CoreJob } from "./core-job.ts";
import type { CorePhase, CoreResult } from "./core-result.ts";

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

/** What this thread itself has computed: what else the machine does meanwhile does not count. */
function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Microseconds per subtask of each phase, over all rounds from the very first: jobs of the same sum of subtasks warm up alike. */
async function phases(): Promise<CoreResult> {
  const micros: Record<CorePhase, number> = { build: 0, schedule: 0, failover: 0, checkpoint: 0 };
  const measure = async <T>(phase: CorePhase, work: () => T | Promise<T>): Promise<T> => {
    const started = cpuMicros();
    const result = await work();
    micros[phase] += (cpuMicros() - started) / (subtasks * rounds);
    return result;
  };
  for (let round = 0; round < rounds; round += 1) {
    const job = await measure("build", () => new CoreJob(subtasks));
    await measure("schedule", () => job.schedule());
    await measure("failover", () => job.failover());
    await measure("checkpoint", async () => {
      for (const acknowledge of await job.trigger()) acknowledge();
      await job.completed(1);
    });
  }
  return { phases: micros };
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
