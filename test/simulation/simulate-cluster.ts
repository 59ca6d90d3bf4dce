import type { JobID } from "../../src/common/ids.ts";
import { brandId } from "../../src/common/ids.ts";
import type { Logger } from "../../src/common/log.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { JobStatus } from "../../src/runtime/messages/job-status.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { FaultCounts } from "../../src/testing/simulation/faults.ts";
import { testingJobGraph } from "../../src/testing/testing-job-graph.ts";
import { SimulatedClient } from "./client.ts";
import { requireEnd } from "./end-of-jobs.ts";
import type { ExpectedJob } from "./end-of-jobs.ts";
import { faultProfile } from "./fault-profile.ts";
import { graphOf, REAL_JOBS } from "./jobs.ts";
import { SavepointUser } from "./savepoint-user.ts";
import type { SavepointWish } from "./savepoint-user.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly faults: FaultCounts;
  readonly virtualMillis: number;
  readonly statuses: readonly JobStatus[];
  readonly savepoints: SavepointCounts;
}

/** What came of the savepoints that users wanted. */
export interface SavepointCounts {
  readonly completed: number;
  readonly stopped: number;
  readonly resumed: number;
  readonly disposed: number;
}

export interface SimulationOptions {
  /** Receives every line of the trace. */
  readonly print?: (line: string) => void;
}

const CHAOS_MILLIS = [15_000, 60_000] as const;
/** Once nothing goes wrong any more, every job must come to its end within this time. */
const LIVENESS_MILLIS = 45 * 60_000;
/** After the last job's end nothing may be left by then. */
const QUIET_MILLIS = 10 * 60_000;
const SAVEPOINT_MILLIS = [500, 15_000] as const;
const WANTS_SAVEPOINT = 0.4;
const SAVEPOINT_SALT = 0x5a7e;

/** One run of the whole control plane under the faults of one seed. */
export async function simulateCluster(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const random = new SeededRandom(seed);
  const cluster = new SimulatedCluster({
    seed,
    rates: faultProfile(random.fork()),
    log: logTo(options.print),
    ...options,
  });
  try {
    const { platform, violations } = cluster;
    const startMillis = platform.time.now();
    const jobs = await submitJobs(cluster, random);
    wantSavepoints(cluster, jobs, new SeededRandom(seed ^ SAVEPOINT_SALT));
    cluster.chaos.start();
    await runUntil(cluster, startMillis + random.between(...CHAOS_MILLIS), () => false);
    platform.calm();
    await runUntil(cluster, platform.time.now() + LIVENESS_MILLIS, () => jobs.every((job) => hasEnded(cluster, job)));
    const endMillis = platform.time.now();
    if (!violations.any) {
      for (const job of jobs) await requireEnd(cluster, job);
      if (!violations.any) {
        await runUntil(cluster, platform.time.now() + QUIET_MILLIS, () => false);
        cluster.requireQuiet();
      }
    }
    const users = jobs.flatMap(({ savepoint }) => savepoint ?? []).filter(({ location }) => location !== undefined);
    const count = (matches: (wish: SavepointWish) => boolean): number =>
      users.filter(({ wish }) => matches(wish)).length;
    return {
      seed,
      violations: violations.found,
      traceHash: platform.trace.hash,
      events: platform.trace.events,
      faults: platform.faults.counts,
      virtualMillis: endMillis - startMillis,
      statuses: jobs.flatMap(({ client }) => cluster.invariants.results.get(client.jobId)?.status ?? []),
      savepoints: {
        completed: users.length,
        stopped: count(({ afterwards }) => afterwards === "suspend" || afterwards === "drain"),
        resumed: count(({ sequel }) => sequel === "resume"),
        disposed: count(({ sequel }) => sequel === "dispose"),
      },
    };
  } finally {
    cluster.close();
  }
}

function hasEnded({ invariants }: SimulatedCluster, { client, savepoint }: ExpectedJob): boolean {
  if (savepoint?.settled === false) return false;
  return client.acknowledged && invariants.results.get(client.jobId)?.state === "clean";
}

async function runUntil(
  { platform, violations }: SimulatedCluster,
  untilMillis: number,
  done: () => boolean,
): Promise<void> {
  while (!violations.any && !done() && (await platform.time.step(untilMillis)));
}

async function submitJobs(cluster: SimulatedCluster, random: SeededRandom): Promise<ExpectedJob[]> {
  const jobs: ExpectedJob[] = [];
  const { platform } = cluster;
  for (let number = 1; number <= random.between(1, 3); number += 1) {
    const job = await chooseJob(cluster, random, number);
    const idempotencyKey = random.chance(0.5) ? `key ${number}` : undefined;
    const client = clientFor(cluster, { graph: job.graph, name: `request ${number}`, idempotencyKey }, random.fork());
    platform.time.schedule(random.between(0, 10_000), () => client.start(), client);
    if (random.chance(0.2)) client.cancelAfter(random.between(1_000, 40_000));
    jobs.push({ client, status: job.status, real: job.real });
  }
  return jobs;
}

function clientFor(
  { platform, violations, invariants }: SimulatedCluster,
  request: { readonly graph: JobGraph; readonly name: string; readonly idempotencyKey?: string | undefined },
  random: SeededRandom,
): SimulatedClient {
  const { graph, name, idempotencyKey } = request;
  return new SimulatedClient(
    { jobGraph: graph, requestHash: name, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
    { platform, random, violations },
    { onAcknowledged: (jobId) => invariants.acknowledged(jobId) },
  );
}

/** Some of the real jobs have a user who wants a savepoint; a job that starts from one joins `jobs`. */
function wantSavepoints(cluster: SimulatedCluster, jobs: ExpectedJob[], random: SeededRandom): void {
  const { platform, violations, checkpoints } = cluster;
  for (const [index, job] of jobs.entries()) {
    const { client, real } = job;
    if (real === undefined || !random.chance(WANTS_SAVEPOINT)) continue;
    const wish = chooseWish(random);
    const claimMode = random.pick(["CLAIM", "NO_CLAIM"] as const);
    const savepoint = new SavepointUser(client, wish, {
      platform,
      random: random.fork(),
      violations,
      listener: {
        onCompleted: (location) => checkpoints.savepoint(client.jobGraph, location),
        onDisposed: (location) => checkpoints.disposed(location),
        onResume: (restorePath) => {
          const jobId = brandId<JobID>((jobs.length + 1).toString(16).repeat(32));
          const savepointRestoreSettings = { restorePath, allowNonRestoredState: false, claimMode };
          const graph = { ...client.jobGraph, jobId, savepointRestoreSettings };
          const resumed = clientFor(cluster, { graph, name: `resumed ${jobId}` }, random.fork());
          jobs.push({ client: resumed, status: "FINISHED", real, resumes: before });
          resumed.start();
        },
      },
    });
    const before: ExpectedJob = { ...job, savepoint };
    jobs[index] = before;
    savepoint.startAfter(random.between(...SAVEPOINT_MILLIS));
  }
}

function chooseWish(random: SeededRandom): SavepointWish {
  const afterwards = random.pick(["go-on", "cancel", "suspend", "suspend", "drain"] as const);
  // A job that was drained is not for going on.
  const sequel = random.pick(["keep", "dispose", afterwards === "drain" ? "keep" : "resume"] as const);
  return { afterwards, sequel };
}

async function chooseJob(
  cluster: SimulatedCluster,
  random: SeededRandom,
  number: number,
): Promise<Pick<ExpectedJob, "status" | "real"> & { readonly graph: JobGraph }> {
  if (random.chance(0.5)) {
    const real = random.pick(REAL_JOBS);
    const jobId = brandId<JobID>(number.toString(16).repeat(32));
    return { graph: await graphOf(real, jobId), status: "FINISHED", real };
  }
  const fails = random.chance(0.15);
  const attempts = fails ? random.between(0, 3) : 100_000;
  const graph = testingJobGraph({
    number,
    parallelism: random.between(1, 6),
    configuration: { restartStrategy: { kind: "fixed-delay", attempts, delayMillis: 1_000 } },
  });
  if (fails) cluster.failingJobs.add(graph.jobId);
  return { graph, status: fails ? "FAILED" : "FINISHED", real: undefined };
}

function logTo(print: ((line: string) => void) | undefined): Logger | undefined {
  if (print === undefined) return undefined;
  const line = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    const { stack: _, ...rest } = fields ?? {};
    print(`    ${level} ${message} ${Object.keys(rest).length === 0 ? "" : JSON.stringify(rest)}`);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
