import { setTimeout as sleep } from "node:timers/promises";
import { RestClientException } from "../../src/client/rest-client-exception.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";
import { isTerminalJobStatus } from "../../src/rest/messages/states.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { Platform, until } from "../harness/platform.ts";
import { CHAOS_JOB, comparableRows, faultOf, type ChaosRow } from "./chaos-job.ts";

/** What a job is about when the process dies; each has its turn. */
export const CHAOS_PHASES = ["submission", "running", "checkpointing", "savepoint", "cancelling", "finishing"] as const;
export type ChaosPhase = (typeof CHAOS_PHASES)[number];

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface ChaosSummary {
  readonly seed: number;
  readonly kills: number;
  readonly phases: Readonly<Record<ChaosPhase, number>>;
  /** Runs that were asked for; some ended before the kill. */
  readonly jobs: number;
  /** Acknowledged and then unknown. */
  readonly lost: number;
  /** In the list of jobs beside those that were asked for. */
  readonly doubled: number;
  /** Ended in another way or with other rows than they should. */
  readonly wrong: number;
  readonly restarts: number;
  /** Kills that came while a savepoint was being taken. */
  readonly interruptedSavepoints: number;
  /** What is wrong, in words; a job that does not end is here too. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

export function chaosPassed({ lost, doubled, wrong, faults }: ChaosSummary): boolean {
  return lost + doubled + wrong + faults.length === 0;
}

const MAX_DELAY_MILLIS: Readonly<Record<ChaosPhase, number>> = {
  submission: 150,
  running: 1_500,
  checkpointing: 20,
  savepoint: 15,
  cancelling: 100,
  finishing: 400,
};
const MAX_CHECKPOINT = 6;
const POLL_MILLIS = 5;
const EVENT_TIMEOUT_MILLIS = 20_000;
const CLIENT_RETRY_MILLIS = 100;
const CLIENT_RETRIES = 300;
const CONFLICT = 409;
const TRIGGER_ID_DIGITS = 32;
/** Where there are fewer, chance says nothing. */
const SAVEPOINTS_TO_TELL = 4;
const QUIET_MILLIS = 5_000;
const MILLIS_PER_SECOND = 1_000;

/** One run of the job, with one kill. */
interface Round {
  readonly platform: Platform;
  readonly moduleId: string;
  readonly idempotencyKey: string;
  /** Milliseconds from the moment that the phase has begun. */
  readonly delayMillis: number;
  /** In which of its checkpoints, where the kill comes in one. */
  readonly checkpoint: number;
  /** The run was acknowledged as this job. */
  readonly onJob: (jobId: string) => void;
  readonly onInterruptedSavepoint: () => void;
}

/** One process state from beginning to end: jobs of all rounds lie side by side in it. */
export async function runChaos({ kills, seed, onProgress = () => undefined }: ChaosOptions): Promise<ChaosSummary> {
  const started = performance.now();
  const random = new SeededRandom(seed);
  await using platform = await Platform.start();
  const moduleId = await platform.client.uploadModule("chaos.js", new TextEncoder().encode(CHAOS_JOB));
  const phases = { submission: 0, running: 0, checkpointing: 0, savepoint: 0, cancelling: 0, finishing: 0 };
  const faults: string[] = [];
  const jobs: string[] = [];
  let [wrong, restarts, interruptedSavepoints] = [0, 0, 0];
  for (let kill = 1; kill <= kills; kill += 1) {
    const phase = CHAOS_PHASES[(kill - 1) % CHAOS_PHASES.length] ?? "running";
    phases[phase] += 1;
    const delayMillis = random.between(0, MAX_DELAY_MILLIS[phase]);
    const round: Round = {
      platform,
      moduleId,
      idempotencyKey: `chaos-${seed}-${kill}`,
      delayMillis,
      checkpoint: random.between(1, MAX_CHECKPOINT),
      onJob: (jobId) => void jobs.push(jobId),
      onInterruptedSavepoint: () => void (interruptedSavepoints += 1),
    };
    const what = `kill ${kill} of ${kills}, ${phase} + ${delayMillis} ms`;
    try {
      const jobId = await ROUNDS[phase](round);
      const job = await jobWhen(platform, jobId, ({ state }) => isTerminalJobStatus(state));
      restarts += job.restarts;
      const fault = await faultOfJob(platform, job, phase);
      if (fault !== undefined) {
        wrong += 1;
        faults.push(`${what}, job ${jobId}: ${fault}`);
      }
      onProgress(`${what}: ${job.state}, ${job.restarts} restarts${fault === undefined ? "" : `, ${fault}`}`);
    } catch (error) {
      faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      onProgress(faults.at(-1) ?? what);
    }
  }
  if (phases.savepoint >= SAVEPOINTS_TO_TELL && interruptedSavepoints === 0) {
    faults.push(`none of ${phases.savepoint} kills came while a savepoint was being taken`);
  }
  const listed = await listJobs(platform);
  const lost = jobs.filter((jobId) => !listed.includes(jobId)).length;
  const doubled = listed.filter((jobId) => !jobs.includes(jobId)).length + (listed.length - new Set(listed).size);
  await sleep(QUIET_MILLIS);
  for (const name of platform.alarms()) faults.push(`${name} holds an alarm after the end of all jobs`);
  const seconds = Math.round((performance.now() - started) / MILLIS_PER_SECOND);
  const counts = { jobs: jobs.length, lost, doubled, wrong, restarts, interruptedSavepoints };
  return { seed, kills, phases, ...counts, faults, seconds };
}

/** Each kills the process once in its phase and starts it again. @returns the job that was meant. */
const ROUNDS: Readonly<Record<ChaosPhase, (round: Round) => Promise<string>>> = {
  submission: async (round) => {
    // Whether it was accepted is unknown to the client, who asks again under the same key.
    const first = round.platform.client.runModule(round.moduleId, round).catch(() => undefined);
    await killAndRestart(round);
    const acknowledged = await first;
    const again = await submit(round);
    if (acknowledged !== undefined && acknowledged !== again) {
      throw new Error(`the same key gave job ${acknowledged}, and ${again} after the kill`);
    }
    return again;
  },
  running: async (round) => {
    const jobId = await submit(round);
    await jobWhen(round.platform, jobId, runs);
    await killAndRestart(round);
    return jobId;
  },
  checkpointing: async (round) => {
    const before = round.platform.events.length;
    const jobId = await submit(round);
    await eventSince(round.platform, before, {
      pattern: new RegExp(`task-executor/${jobId}-te-\\d+ rpc TaskExecutor\\.triggerCheckpoint`),
      count: round.checkpoint,
    });
    await killAndRestart(round);
    return jobId;
  },
  savepoint: async (round) => {
    const jobId = await submit(round);
    await jobWhen(round.platform, jobId, (job) => runs(job) && job.checkpoints > 0);
    const before = round.platform.events.length;
    // Whether it comes to be is nobody's promise; the job must not care.
    const triggerId = round.idempotencyKey.replace(/\D/g, "").padStart(TRIGGER_ID_DIGITS, "0");
    const body = JSON.stringify({ "cancel-job": false, triggerId });
    const asked = round.platform.fetch(`/v1/jobs/${jobId}/savepoints`, { method: "POST", body }).catch(() => undefined);
    // From here on its state is written.
    const pattern = new RegExp(`job-master/${jobId} rpc JobMaster\\.triggerSavepoint`);
    await eventSince(round.platform, before, { pattern, count: 1 });
    await killAndRestart(round);
    await asked;
    if (await wasInterrupted(round.platform, jobId, triggerId)) round.onInterruptedSavepoint();
    return jobId;
  },
  cancelling: async (round) => {
    const jobId = await submit(round);
    await jobWhen(round.platform, jobId, (job) => runs(job) && job.checkpoints > 0);
    const cancelled = round.platform.client.cancelJob(jobId).then(
      () => true,
      () => false,
    );
    await killAndRestart(round);
    if (!(await cancelled)) await insist(() => round.platform.client.cancelJob(jobId)).catch(unlessEnded);
    return jobId;
  },
  finishing: async (round) => {
    const before = round.platform.events.length;
    const jobId = await submit(round);
    const pattern = new RegExp(`job-master/${jobId} rpc JobMaster\\.notifyEndOfData`);
    await eventSince(round.platform, before, { pattern, count: 1 });
    await killAndRestart(round);
    return jobId;
  },
};

async function killAndRestart({ platform, delayMillis }: Round): Promise<void> {
  await sleep(delayMillis);
  await platform.kill();
  await platform.restart();
}

async function submit({ platform, moduleId, idempotencyKey, onJob }: Round): Promise<string> {
  const jobId = await insist(() => platform.client.runModule(moduleId, { idempotencyKey }));
  onJob(jobId);
  return jobId;
}

/** As a client does that wants it: again, unless the answer says that it makes no sense. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const hopeless = error instanceof RestClientException && error.status < 500;
      if (hopeless || attempt === CLIENT_RETRIES) throw error;
      await sleep(CLIENT_RETRY_MILLIS);
    }
  }
}

/** The job may have come to its end before the cancel did. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof RestClientException) || error.status !== CONFLICT) throw error;
}

function jobWhen(
  platform: Platform,
  jobId: string,
  condition: (job: SluiceJobInfo) => boolean,
): Promise<SluiceJobInfo> {
  return until(() => insist(() => platform.client.requestJob(jobId)), condition, `job ${jobId}`);
}

/** A savepoint that the JobMaster had begun when its process died has failed, and says why. */
async function wasInterrupted(platform: Platform, jobId: string, triggerId: string): Promise<boolean> {
  const response = await platform.fetch(`/v1/jobs/${jobId}/savepoints/${triggerId}`);
  return (await response.text()).includes("lost its memory while it was in progress");
}

function runs(job: SluiceJobInfo): boolean {
  return (job.tasksTotal > 0 && job.tasksRunning === job.tasksTotal) || isTerminalJobStatus(job.state);
}

/** Waits until so many events of this kind have come since there were `before`. */
async function eventSince(
  platform: Platform,
  before: number,
  { pattern, count }: { readonly pattern: RegExp; readonly count: number },
): Promise<void> {
  for (let waited = 0; waited < EVENT_TIMEOUT_MILLIS; waited += POLL_MILLIS) {
    if (platform.events.slice(before).filter((line) => pattern.test(line)).length >= count) return;
    await sleep(POLL_MILLIS);
  }
  throw new Error(`fewer than ${count} events ${pattern} within ${EVENT_TIMEOUT_MILLIS} ms`);
}

async function faultOfJob(platform: Platform, job: SluiceJobInfo, phase: ChaosPhase): Promise<string | undefined> {
  const { state, id, failure } = job;
  // A cancel may come too late.
  if (state !== "FINISHED" && !(phase === "cancelling" && state === "CANCELED")) {
    return `it ended ${state}: ${failure ?? "no failure"}`;
  }
  return faultOf(comparableRows(await platform.rows<ChaosRow>(id)), state);
}

async function listJobs(platform: Platform): Promise<readonly string[]> {
  const response = await platform.fetch("/v1/jobs");
  const { jobs } = (await response.json()) as { readonly jobs: readonly { readonly id: string }[] };
  return jobs.map(({ id }) => id);
}
