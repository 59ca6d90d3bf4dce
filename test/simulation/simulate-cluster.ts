import type { JobID } from "../../src/common/ids.ts";
import { brandId } from "../../src/common/ids.ts";
import type { Logger } from "../../src/common/log.ts";
import { resultsPrefix } from "../../src/runtime/blob/job-object-store.ts";
import type { JobGraph } from "../../src/runtime/jobgraph/job-graph.ts";
import type { JobStatus } from "../../src/runtime/messages/job-status.ts";
import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { clusterName, dispatcherAddress, jobMasterAddress } from "../../src/runtime/object-name.ts";
import { readCommitted } from "../../src/streaming/sink/committed-reader.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { FaultCounts } from "../../src/testing/simulation/faults.ts";
import { testingJobGraph } from "../../src/testing/testing-job-graph.ts";
import { SimulatedClient } from "./client.ts";
import { faultProfile } from "./fault-profile.ts";
import { canonicalRow, graphOf, REAL_JOBS } from "./jobs.ts";
import type { RealJob } from "./jobs.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly faults: FaultCounts;
  readonly virtualMillis: number;
  readonly statuses: readonly JobStatus[];
}

export interface SimulationOptions {
  /** Receives every line of the trace. */
  readonly print?: (line: string) => void;
}

/** How a job must end, unless it is cancelled. */
interface ExpectedJob {
  readonly client: SimulatedClient;
  readonly status: JobStatus;
  readonly real: RealJob | undefined;
}

const CHAOS_MILLIS = [15_000, 60_000] as const;
/** Once nothing goes wrong any more, every job must come to its end within this time. */
const LIVENESS_MILLIS = 45 * 60_000;
/** After the last job's end nothing may be left by then. */
const QUIET_MILLIS = 10 * 60_000;

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
    cluster.chaos.start();
    await runUntil(cluster, startMillis + random.between(...CHAOS_MILLIS), () => false);
    platform.calm();
    const ended = (): boolean =>
      jobs.every(
        ({ client }) => client.acknowledged && cluster.invariants.results.get(client.jobId)?.state === "clean",
      );
    await runUntil(cluster, platform.time.now() + LIVENESS_MILLIS, ended);
    const endMillis = platform.time.now();
    if (!violations.any) {
      for (const job of jobs) await requireEnd(cluster, job);
      if (!violations.any) {
        await runUntil(cluster, platform.time.now() + QUIET_MILLIS, () => false);
        cluster.requireQuiet();
      }
    }
    return {
      seed,
      violations: violations.found,
      traceHash: platform.trace.hash,
      events: platform.trace.events,
      faults: platform.faults.counts,
      virtualMillis: endMillis - startMillis,
      statuses: jobs.flatMap(({ client }) => cluster.invariants.results.get(client.jobId)?.status ?? []),
    };
  } finally {
    cluster.close();
  }
}

async function runUntil(
  { platform, violations }: SimulatedCluster,
  untilMillis: number,
  done: () => boolean,
): Promise<void> {
  while (!violations.any && !done() && (await platform.time.step(untilMillis)));
}

async function submitJobs(cluster: SimulatedCluster, random: SeededRandom): Promise<readonly ExpectedJob[]> {
  const jobs: ExpectedJob[] = [];
  const { platform, violations } = cluster;
  for (let number = 1; number <= random.between(1, 3); number += 1) {
    const { graph, status, real } = await chooseJob(cluster, random, number);
    const client = new SimulatedClient(
      {
        jobGraph: graph,
        requestHash: `request ${number}`,
        ...(random.chance(0.5) ? { idempotencyKey: `key ${number}` } : {}),
      },
      { platform, random: random.fork(), violations },
      { onAcknowledged: (jobId) => cluster.invariants.acknowledged(jobId) },
    );
    platform.time.schedule(random.between(0, 10_000), () => client.start(), client);
    if (random.chance(0.2)) client.cancelAfter(random.between(1_000, 40_000));
    jobs.push({ client, status, real });
  }
  return jobs;
}

async function chooseJob(
  cluster: SimulatedCluster,
  random: SeededRandom,
  number: number,
): Promise<{ readonly graph: JobGraph; readonly status: JobStatus; readonly real: RealJob | undefined }> {
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

async function requireEnd(cluster: SimulatedCluster, { client, status, real }: ExpectedJob): Promise<void> {
  const { violations, objects, invariants } = cluster;
  const { jobId, cancelRequested, acknowledged } = client;
  const result = invariants.results.get(jobId);
  const what = `job ${jobId}${real === undefined ? "" : ` (${real.name})`}`;
  violations.require(acknowledged, `${what} was never accepted`);
  if (result?.state !== "clean") {
    const picture = result === undefined ? await pictureOf(cluster, jobId) : `its result is ${result.state}`;
    return violations.report(`${what} did not come to its end: ${picture}`);
  }
  const promised = cluster.messages.cancelling.has(jobMasterAddress(clusterName(), jobId));
  violations.require(
    !promised || result.status === "CANCELED",
    `${what}: its cancel was promised, it is ${result.status}`,
  );
  const right = result.status === status || (cancelRequested && result.status === "CANCELED");
  violations.require(right, `${what} ended as ${result.status} instead of ${status}`);
  if (real === undefined) return;
  const rows: string[] = [];
  for await (const line of readCommitted(objects.content, resultsPrefix("default", jobId))) {
    // Rows of a collect sink are objects.
    rows.push(canonicalRow(JSON.parse(line) as Record<string, unknown>));
  }
  rows.sort();
  if (result.status === "FINISHED") return requireEqual(cluster, { what, rows, expected: real.expected });
  const unexpected = rows.filter((row, index) => !real.expected.includes(row) || rows[index - 1] === row);
  violations.require(unexpected.length === 0, `${what}: committed ${unexpected.join(", ")}`);
}

/** How far a job has come that should have ended. */
async function pictureOf({ platform }: SimulatedCluster, jobId: JobID): Promise<string> {
  const dispatcher = platform.service.gateway(DispatcherGateway, dispatcherAddress(clusterName()));
  const { status, vertices } = await platform.resolve(dispatcher.requestJob(jobId));
  const subtasks = vertices.map(
    ({ name, executions }) => `${name}: ${executions.map(({ state }) => state).join(", ")}`,
  );
  return `${status}; ${subtasks.join("; ")}`;
}

function requireEqual(
  { violations }: SimulatedCluster,
  {
    what,
    rows,
    expected,
  }: { readonly what: string; readonly rows: readonly string[]; readonly expected: readonly string[] },
): void {
  if (rows.join("\n") === expected.join("\n")) return;
  const missing = expected.filter((row) => !rows.includes(row));
  const extra = rows.filter((row, index) => !expected.includes(row) || rows[index - 1] === row);
  violations.report(
    `${what}: output differs, missing ${missing.join(" ") || "nothing"}, extra ${extra.join(" ") || "nothing"}`,
  );
}

function logTo(print: ((line: string) => void) | undefined): Logger | undefined {
  if (print === undefined) return undefined;
  const line = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    const { stack: _, ...rest } = fields ?? {};
    print(`    ${level} ${message} ${Object.keys(rest).length === 0 ? "" : JSON.stringify(rest)}`);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
