import type { JobID } from "../../../src/common/ids.ts";
import type { SqlRow, SqlValue } from "../../../src/rpc/ports/storage.ts";
import { parseObjectName } from "../../../src/runtime/object-name.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { ScriptedTaskHosts } from "../../../src/testing/scripted-task-host.ts";
import { testingSubmission } from "../../../src/testing/testing-job-graph.ts";

const CHECKPOINTS = 32;

/** What happened, in order: a turn of an endpoint of this kind wrote, a message was sent, the caller has its answer. */
type Occurrence =
  | { readonly kind: "write"; readonly by: string }
  | { readonly kind: "message"; readonly method: string }
  | { readonly kind: "answer" };

/** The database of an endpoint, which tells when a turn has written. */
class ObservedDatabase extends SqliteDatabase {
  readonly #onWrite: () => void;
  #depth = 0;
  #wrote = false;

  constructor(onWrite: () => void) {
    super();
    this.#onWrite = onWrite;
  }

  override exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[] {
    if (/^\s*(INSERT|UPDATE|DELETE)/i.test(sql)) this.#wrote = true;
    return super.exec(sql, ...bindings);
  }

  override transactionSync<T>(body: () => T): T {
    this.#depth += 1;
    if (this.#depth === 1) this.#wrote = false;
    try {
      return super.transactionSync(body);
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0 && this.#wrote) this.#onWrite();
    }
  }
}

export interface DurableWrites {
  /** How often something on the way from the request to its answer waits until a write is durable. */
  readonly submission: number;
  /** Turns of the JobMaster that write, from one completed checkpoint to the next; the mean of many. */
  readonly checkpoint: number;
}

/** Counted in a whole cluster in one process, on virtual time. */
export async function countDurableWrites(): Promise<DurableWrites> {
  const log: Occurrence[] = [];
  const cluster = new MiniCluster({
    hosts: (clock) => new ScriptedTaskHosts(clock, { bounded: false }),
    database: (address) =>
      new ObservedDatabase(() => void log.push({ kind: "write", by: parseObjectName(address)?.kind ?? address })),
    intercept: ({ method }) => {
      log.push({ kind: "message", method });
      return "deliver";
    },
  });
  try {
    const submitted = cluster.dispatcher.submitJob(testingSubmission());
    submitted.then(
      () => log.push({ kind: "answer" }),
      () => undefined,
    );
    const { jobId } = await cluster.resolve(submitted);
    const submission = waitsOfSubmission(log);
    await untilCompleted(cluster, jobId, 2);
    log.length = 0;
    await untilCompleted(cluster, jobId, 2 + CHECKPOINTS);
    return { submission, checkpoint: writesBy("job-master", log) / CHECKPOINTS };
  } finally {
    cluster.close();
  }
}

/** What an object sends leaves when everything it wrote before is durable. */
function waitsOfSubmission(log: readonly Occurrence[]): number {
  const start = log.findIndex((occurrence) => occurrence.kind === "message" && occurrence.method === "startJob");
  const answer = log.findIndex(({ kind }) => kind === "answer");
  if (start === -1 || answer < start) throw new Error("the submission did not go as expected");
  const [before, meanwhile] = [log.slice(0, start), log.slice(start, answer)];
  const waits = [
    writesBy("dispatcher", before) > 0,
    writesBy("job-master", meanwhile) > 0,
    writesBy("dispatcher", meanwhile) > 0,
  ];
  return waits.filter(Boolean).length;
}

function writesBy(kind: string, log: readonly Occurrence[]): number {
  return log.filter((occurrence) => occurrence.kind === "write" && occurrence.by === kind).length;
}

async function untilCompleted(cluster: MiniCluster, jobId: JobID, checkpoints: number): Promise<void> {
  await cluster.until(async () => {
    const stats = await cluster.jobMaster(jobId).requestCheckpointStats();
    return (stats?.counts.completed ?? 0) >= checkpoints;
  });
}
