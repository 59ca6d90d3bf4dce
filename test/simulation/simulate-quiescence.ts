import type { JobID } from "../../src/common/ids.ts";
import { resultsPrefix } from "../../src/runtime/blob/job-object-store.ts";
import { clusterName, jobMasterAddress } from "../../src/runtime/object-name.ts";
import { readCommitted } from "../../src/streaming/sink/committed-reader.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { SimulatedClient } from "./client.ts";
import { faultProfile } from "./fault-profile.ts";
import { SimulatedPusher } from "./pusher.ts";
import { PUSHED, quiescentGraph, SELDOM } from "./quiescent-jobs.ts";
import type { SimulationResult } from "./simulate-cluster.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { keysOf, storedAt } from "./stored-state.ts";

const CHAOS_MILLIS = [60_000, 150_000] as const;
const LIVENESS_MILLIS = 45 * 60_000;
const QUIET_MILLIS = 10 * 60_000;
const PUSHERS = 2;

export interface QuiescenceResult extends SimulationResult {
  /** Sleeps that the two jobs began. */
  readonly sleeps: number;
}

/**
 * One run under the faults of one seed with two jobs that sleep most of the time: one wakes by its alarm, one by what is sent to it.
 * Both must give every record once; the second one, once it has given all, must come to sleep for good, holding nothing.
 */
export async function simulateQuiescence(
  seed: number,
  options: { readonly print?: (line: string) => void } = {},
): Promise<QuiescenceResult> {
  const random = new SeededRandom(seed);
  const programs = [SELDOM, PUSHED];
  const cluster = new SimulatedCluster({ seed, rates: faultProfile(random.fork()), programs, ...options });
  try {
    const { platform, violations, invariants } = cluster;
    const startMillis = platform.time.now();
    const clients: SimulatedClient[] = [];
    for (const [index, program] of programs.entries()) {
      const jobGraph = await quiescentGraph(program, String(index + 1).repeat(32));
      const world = { platform, random: random.fork(), violations };
      const listener = { onAcknowledged: (jobId: JobID) => invariants.acknowledged(jobId) };
      const client = new SimulatedClient({ jobGraph, requestHash: program.name }, world, listener);
      platform.time.schedule(random.between(0, 5_000), () => client.start(), client);
      clients.push(client);
    }
    const [seldom, pushed] = clients;
    if (seldom === undefined || pushed === undefined) throw new Error("two programs");
    const pushers = Array.from(
      { length: PUSHERS },
      (_, producer) => new SimulatedPusher({ platform, random: random.fork() }, pushed.jobId, producer),
    );
    for (const pusher of pushers) pusher.start();
    const until = async (millis: number, done: () => boolean | Promise<boolean>): Promise<void> => {
      const end = platform.time.now() + millis;
      while (!violations.any && !(await done()) && (await platform.time.step(end)));
    };
    const jobMaster = (jobId: JobID) => platform.object(jobMasterAddress(clusterName(), jobId));
    const asleep = (jobId: JobID): boolean => {
      const object = jobMaster(jobId);
      const sleep = object && storedAt<{ readonly released: boolean; readonly waking: boolean }>(object, "sleep");
      return sleep?.released === true && !sleep.waking;
    };
    let sleeps = 0;
    const slept = new Map<JobID, boolean>();
    const count = (): false => {
      for (const { jobId } of clients) {
        const sleeping = asleep(jobId);
        if (sleeping && slept.get(jobId) !== true) sleeps += 1;
        slept.set(jobId, sleeping);
      }
      return false;
    };
    cluster.chaos.start();
    await until(random.between(...CHAOS_MILLIS), count);
    platform.calm();
    const isClean = (jobId: JobID): boolean => invariants.results.get(jobId)?.state === "clean";
    await until(LIVENESS_MILLIS, () => {
      count();
      return isClean(seldom.jobId) && pushers.every(({ done }) => done) && asleep(pushed.jobId);
    });
    if (!violations.any) {
      const sent = pushers.flatMap((pusher) => pusher.sent).sort();
      violations.require(
        pushers.every(({ done }) => done),
        "records that were sent are not acknowledged",
      );
      violations.require(isClean(seldom.jobId), "the job that wakes by its alarm did not come to its end");
      violations.require(asleep(pushed.jobId), "the job that nobody sends anything any more does not sleep");
      violations.require((await rowsOf(cluster, seldom.jobId)) === SELDOM.expected.join(), "wrong rows of seldom");
      violations.require((await rowsOf(cluster, pushed.jobId)) === sent.join(), "wrong rows of what was sent");
      const left = keysOf(jobMaster(pushed.jobId) ?? fail()).filter((key) => key.startsWith("inlet-batch/"));
      violations.require(left.length === 0, `batches that were read are kept: ${left.join(", ")}`);
    }
    pushed.cancelAfter(0);
    await until(LIVENESS_MILLIS, () => isClean(pushed.jobId));
    violations.require(isClean(pushed.jobId), "the job that slept was not cancelled");
    const endMillis = platform.time.now();
    if (!violations.any) {
      await until(QUIET_MILLIS, () => false);
      cluster.requireQuiet();
    }
    return {
      seed,
      violations: violations.found,
      traceHash: platform.trace.hash,
      events: platform.trace.events,
      faults: platform.faults.counts,
      virtualMillis: endMillis - startMillis,
      statuses: clients.flatMap(({ jobId }) => invariants.results.get(jobId)?.status ?? []),
      savepoints: { completed: 0, stopped: 0, resumed: 0, disposed: 0 },
      sleeps,
    };
  } finally {
    cluster.close();
  }
}

async function rowsOf({ objects }: SimulatedCluster, jobId: JobID): Promise<string> {
  const rows: string[] = [];
  for await (const line of readCommitted(objects.content, resultsPrefix("default", jobId))) rows.push(line);
  return rows.sort().join();
}

function fail(): never {
  throw new Error("the JobMaster has no object");
}
