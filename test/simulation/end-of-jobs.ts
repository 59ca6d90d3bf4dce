import type { JobID } from "../../src/common/ids.ts";
import { resultsPrefix } from "../../src/runtime/blob/job-object-store.ts";
import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import type { JobStatus } from "../../src/runtime/messages/job-status.ts";
import { clusterName, dispatcherAddress, jobMasterAddress } from "../../src/runtime/object-name.ts";
import { readCommitted } from "../../src/streaming/sink/committed-reader.ts";
import type { SimulatedClient } from "./client.ts";
import { canonicalRow } from "./jobs.ts";
import type { RealJob } from "./jobs.ts";
import type { SavepointUser } from "./savepoint-user.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** A job, and how it must end, unless somebody ends it. */
export interface ExpectedJob {
  readonly client: SimulatedClient;
  readonly status: JobStatus;
  readonly real: RealJob | undefined;
  readonly savepoint?: SavepointUser;
  /** The job whose savepoint it started from, and whose that is since then. */
  readonly resumes?: ExpectedJob;
}

/** Every job has ended as it had to, and what it has committed is right. */
export async function requireEnd(cluster: SimulatedCluster, job: ExpectedJob): Promise<void> {
  const { violations, invariants, messages } = cluster;
  const { client, real, savepoint } = job;
  const { jobId, acknowledged } = client;
  const result = invariants.results.get(jobId);
  const what = nameOf(job);
  violations.require(acknowledged, `${what} was never accepted`);
  if (result?.state !== "clean") {
    const picture = result === undefined ? await pictureOf(cluster, jobId) : `its result is ${result.state}`;
    return violations.report(`${what} did not come to its end: ${picture}`);
  }
  violations.require(savepoint?.settled !== false, `${what}: it is not known what became of its savepoint`);
  const promised = messages.cancelling.has(jobMasterAddress(clusterName(), jobId));
  violations.require(
    !promised || result.status === "CANCELED",
    `${what}: its cancel was promised, it is ${result.status}`,
  );
  const right = endsOf(job).has(result.status);
  violations.require(right, `${what} ended as ${result.status} instead of ${[...endsOf(job)].join(" or ")}`);
  if (real !== undefined) await requireOutput(cluster, { job, real, status: result.status });
}

/** A savepoint that a job ends with ends it as the wish says, unless a cancel came first, or a task failed in the end. */
function endsOf({ client, status, savepoint }: ExpectedJob): ReadonlySet<JobStatus> {
  const ends = new Set<JobStatus>([status]);
  if (client.cancelRequested) ends.add("CANCELED");
  if (savepoint?.location === undefined || savepoint.wish.afterwards === "go-on") return ends;
  if (savepoint.wish.afterwards === "cancel") return new Set(["CANCELED"]);
  return ends.add("FAILED");
}

async function requireOutput(
  cluster: SimulatedCluster,
  { job, real, status }: { readonly job: ExpectedJob; readonly real: RealJob; readonly status: JobStatus },
): Promise<void> {
  const { violations, checkpoints } = cluster;
  const { client, savepoint, resumes } = job;
  const what = nameOf(job);
  const rows = await rowsOf(cluster, client.jobId);
  const { expected } = real;
  const endedWith = savepoint?.wish.afterwards === "go-on" ? undefined : savepoint?.location;
  if (resumes !== undefined) {
    const before = resumes.savepoint?.wish.afterwards;
    // A job that went on has committed everything by itself.
    if (before === "go-on") requirePart(cluster, { what, rows, expected });
    else {
      const together = [...rows, ...(await rowsOf(cluster, resumes.client.jobId))].sort();
      requireEqual(cluster, { what: `${what} and the job before it`, rows: together, expected });
    }
  } else if (savepoint?.wish.afterwards === "drain" && endedWith !== undefined && status === "FINISHED") {
    if (savepoint.wish.sequel === "keep") {
      const counted = rows.reduce((total, row) => total + countIn(row), 0);
      const read = checkpoints.positionOf(endedWith);
      violations.require(counted === read, `${what}: drained after ${read} records, its rows are of ${counted}`);
    }
  } else {
    // What was pending in the savepoint is committed by the other job too, though this one may have gone back behind it.
    const { afterwards, sequel } = savepoint?.wish ?? {};
    const forked = savepoint?.location !== undefined && afterwards === "go-on" && sequel === "resume";
    const own = { what, rows: forked ? [...new Set(rows)] : rows, expected };
    if (status === "FINISHED" && endedWith === undefined) requireEqual(cluster, own);
    else if (afterwards !== "drain") requirePart(cluster, own);
  }
  const resumed = savepoint?.wish.sequel === "resume";
  if (savepoint?.location === undefined || resumed) return;
  if (savepoint.wish.sequel === "dispose") checkpoints.disposed(savepoint.location);
  else checkpoints.savepoint(client.jobGraph, savepoint.location);
}

function nameOf({ client, real }: ExpectedJob): string {
  return `job ${client.jobId}${real === undefined ? "" : ` (${real.name})`}`;
}

async function rowsOf({ objects }: SimulatedCluster, jobId: JobID): Promise<readonly string[]> {
  const rows: string[] = [];
  for await (const line of readCommitted(objects.content, resultsPrefix("default", jobId))) {
    // Rows of a collect sink are objects.
    rows.push(canonicalRow(JSON.parse(line) as Record<string, unknown>));
  }
  return rows.sort();
}

function countIn(row: string): number {
  return Number(/"count",(\d+)/.exec(row)?.[1] ?? 0);
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

interface Output {
  readonly what: string;
  readonly rows: readonly string[];
  readonly expected: readonly string[];
}

function requireEqual({ violations }: SimulatedCluster, { what, rows, expected }: Output): void {
  if (rows.join("\n") === expected.join("\n")) return;
  const missing = expected.filter((row) => !rows.includes(row));
  const extra = rows.filter((row, index) => !expected.includes(row) || rows[index - 1] === row);
  violations.report(
    `${what}: output differs, missing ${missing.join(" ") || "nothing"}, extra ${extra.join(" ") || "nothing"}`,
  );
}

function requirePart({ violations }: SimulatedCluster, { what, rows, expected }: Output): void {
  const unexpected = rows.filter((row, index) => !expected.includes(row) || rows[index - 1] === row);
  violations.require(unexpected.length === 0, `${what}: committed ${unexpected.join(", ")}`);
}
