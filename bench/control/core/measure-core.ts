/**
 * `node measure-core.ts <load> <rounds> [subtasks]`: measures the core of one JobMaster and prints the figures as JSON in the last
 * line. A process of its own, so that its heap is its own.
 */
import { CoreJob, coreInputs } from "./core-job.ts";
import { LARGE_SUBTASKS, SMALL_SUBTASKS } from "./core-result.ts";
import type { CorePhase, CoreResult, Growth, PhaseTimes } from "./core-result.ts";

const MILLIS_PER_SECOND = 1_000;
const MEBIBYTE = 1024 * 1024;
const BYSTANDER_SUBTASKS = 16;

const [load, roundsText, subtasksText] = process.argv.slice(2);
const [rounds, subtasks] = [Number(roundsText), Number(subtasksText)];

let peakBytes = 0;
function sampleHeap(): void {
  peakBytes = Math.max(peakBytes, process.memoryUsage().heapUsed);
}

/** Build, schedule, deploy, finish. */
async function wholeJob(): Promise<CoreResult> {
  const started = performance.now();
  const job = new CoreJob(coreInputs(subtasks));
  sampleHeap();
  await job.schedule();
  sampleHeap();
  job.finish();
  sampleHeap();
  if (job.status !== "FINISHED") throw new Error(`expected FINISHED, got ${job.status}`);
  const seconds = (performance.now() - started) / MILLIS_PER_SECOND;
  return { seconds, peakMebibytes: peakBytes / MEBIBYTE };
}

/**
 * What this thread itself has computed: what else the machine does meanwhile does not count. Linux brings a thread's own figure
 * up to date every few milliseconds only, longer than a phase of a small job, and whenever it is asked for the whole process's.
 */
function cpuMicros(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/**
 * A pass: {@link LARGE_SUBTASKS}, as one job or as many. What users and TaskExecutors send is made outside of the time that is
 * taken, and nothing that a pass before it left behind is collected in it.
 */
async function pass(width: number): Promise<PhaseTimes> {
  const micros: Record<CorePhase, number> = { build: 0, schedule: 0, failover: 0, checkpoint: 0 };
  const measure = async <T>(phase: CorePhase, work: () => T | Promise<T>): Promise<T> => {
    const started = cpuMicros();
    const result = await work();
    micros[phase] += (cpuMicros() - started) / LARGE_SUBTASKS;
    return result;
  };
  const inputs = Array.from({ length: LARGE_SUBTASKS / width }, () => coreInputs(width));
  collectGarbage();
  for (const input of inputs) {
    const job = await measure("build", () => new CoreJob(input));
    await measure("schedule", () => job.schedule());
    await measure("failover", () => job.failover());
    await measure("checkpoint", () => job.trigger());
    const acknowledgements = job.acknowledgements();
    await measure("checkpoint", async () => {
      for (const call of acknowledgements) call();
      await job.completed(1);
    });
  }
  return micros;
}

/**
 * Microseconds per subtask of each phase in jobs of two widths. Both are measured in one process, in turns, after a pass of
 * each that does not count: they meet the same compiled code and a young generation of the same size. Measured from the start
 * of a process each, the compiler is late for the one large job, which has its first phase behind it when the code is
 * compiled, while a hundred small ones meet it from the second on.
 */
async function growth(): Promise<CoreResult> {
  const bystanders = await Promise.all(STAGES.map((_, last) => jobAfter(STAGES.slice(0, last + 1))));
  await pass(SMALL_SUBTASKS);
  await pass(LARGE_SUBTASKS);
  const passes: Growth[] = [];
  for (let round = 0; round < rounds; round += 1) {
    passes.push({ small: await pass(SMALL_SUBTASKS), large: await pass(LARGE_SUBTASKS) });
  }
  const ended = bystanders.find(({ status }) => status === "FINISHED" || status === "FAILED");
  if (ended !== undefined) throw new Error(`expected the jobs to live that stand by, one is ${ended.status}`);
  return { growth: passes };
}

/** What a job goes through in a pass. */
const STAGES: readonly ((job: CoreJob) => void | Promise<void>)[] = [
  () => undefined,
  (job) => job.schedule(),
  (job) => job.failover(),
  (job) => job.trigger(),
  (job) => acknowledge(job),
];

/**
 * A small job that has come so far, and stays there while others are measured. As long as one lives, so do the hidden classes of
 * what it is made of. Without it the collection before a pass finds none of them in use and throws them away, and with them
 * all code that was compiled for them: each pass would begin in the interpreter, which a hundred small jobs share, while the
 * large one has its only build and schedule behind it when the compiler is done.
 */
async function jobAfter(stages: typeof STAGES): Promise<CoreJob> {
  const job = new CoreJob(coreInputs(BYSTANDER_SUBTASKS));
  for (const stage of stages) await stage(job);
  return job;
}

async function acknowledge(job: CoreJob): Promise<void> {
  for (const call of job.acknowledgements()) call();
  await job.completed(1);
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new RangeError("node --expose-gc: expected, to begin with an empty heap");
  globalThis.gc();
}

/** Acknowledgements of one checkpoint after the other, from TaskExecutors of four tasks, by the second. */
async function acknowledgements(): Promise<CoreResult> {
  const job = new CoreJob(coreInputs(subtasks));
  await job.schedule();
  let millis = 0;
  for (let round = 1; round <= rounds; round += 1) {
    await job.trigger();
    const calls = job.acknowledgements();
    const started = performance.now();
    for (const call of calls) call();
    millis += performance.now() - started;
    await job.completed(round);
  }
  return { acknowledgementsPerSecond: (rounds * subtasks * MILLIS_PER_SECOND) / millis };
}

const LOADS: Readonly<Record<string, () => Promise<CoreResult>>> = { "whole job": wholeJob, growth, acknowledgements };
const run = LOADS[load ?? ""];
if (run === undefined) throw new RangeError(`load: expected one of ${Object.keys(LOADS).join(", ")}, got "${load}"`);
console.log(JSON.stringify(await run()));
