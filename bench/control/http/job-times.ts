import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { ControlServer } from "./control-server.ts";

const POLL_MILLIS = 5;
const TIMEOUT_MILLIS = 30_000;
/** Parallelism 4, two slots each. */
const TASK_EXECUTORS = 2;

const Details = z.object({ status: z.string(), tasksPerState: z.record(z.string(), z.number()) });
type Details = z.output<typeof Details>;

const PREAMBLE = `
import { CollectSink, count, DatagenSource, defineJob, seconds, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.string() });
const timestampOf = (row) => row.index * 20;
const generate = (index) => ({ index, key: "k" + (index % 7) });
`;

/** A source, exchanged by key with a window; it never ends. */
const UNBOUNDED_JOB = `${PREAMBLE}
export default defineJob({ name: "unbounded", parallelism: 4, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(
      DatagenSource.of({ type: Row, generate, recordsPerSecond: 10, timestampOf }),
      WatermarkStrategy.forMonotonousTimestamps(),
      "records",
    )
    .keyBy("key")
    .window(TumblingEventTimeWindows.of(seconds(1)))
    .aggregate({ count: count() })
    .sinkTo(CollectSink.named("rows"));
});
`;

const BOUNDED_RECORDS = 1_000;
const BOUNDED_JOB = `${PREAMBLE}
export default defineJob({ name: "bounded", parallelism: 4, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(DatagenSource.of({ type: Row, generate, count: ${BOUNDED_RECORDS} }), undefined, "records")
    .sinkTo(CollectSink.named("rows"));
});
`;

/** How long the lives of jobs take over HTTP, in milliseconds. Modules are uploaded before. */
export class JobTimes {
  readonly #server: ControlServer;
  readonly #unbounded: string;
  readonly #bounded: string;

  private constructor(server: ControlServer, modules: { readonly unbounded: string; readonly bounded: string }) {
    this.#server = server;
    this.#unbounded = modules.unbounded;
    this.#bounded = modules.bounded;
  }

  static async prepare(server: ControlServer): Promise<JobTimes> {
    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
    return new JobTimes(server, {
      unbounded: await server.client.uploadModule("unbounded.js", bytesOf(UNBOUNDED_JOB)),
      bounded: await server.client.uploadModule("bounded.js", bytesOf(BOUNDED_JOB)),
    });
  }

  /** From the request to all tasks RUNNING, and from the request to cancel to CANCELED. */
  async runAndCancel(): Promise<{ readonly running: number; readonly canceled: number }> {
    const { client } = this.#server;
    const submitted = performance.now();
    const jobId = await client.runModule(this.#unbounded);
    await this.#until(jobId, ({ tasksPerState }) => {
      const { RUNNING = 0, ...others } = tasksPerState;
      return RUNNING > 0 && Object.values(others).every((count) => count === 0);
    });
    const running = performance.now() - submitted;
    const cancelled = performance.now();
    await client.cancelJob(jobId);
    await this.#until(jobId, ({ status }) => status === "CANCELED");
    return { running, canceled: performance.now() - cancelled };
  }

  /** The isolates that such a run loads, loaded and nothing else. */
  async loadBare(): Promise<number> {
    const started = performance.now();
    // A text of its own, so that no isolate is there already.
    const body = `${UNBOUNDED_JOB}// ${started}`;
    const response = await fetch(new URL(`/bench/bare?taskExecutors=${TASK_EXECUTORS}`, this.#server.url), {
      method: "POST",
      body,
    });
    if (!response.ok) throw new Error(`bare load: ${await response.text()}`);
    await response.arrayBuffer();
    return performance.now() - started;
  }

  /** From the request to the last row, pushed as it is committed. */
  async runToLastResult(): Promise<number> {
    const { client } = this.#server;
    const submitted = performance.now();
    const jobId = await client.runModule(this.#bounded);
    let rows = 0;
    for await (const line of client.jobResults(jobId, { follow: true })) {
      if (line !== "") rows += 1;
      if (rows === BOUNDED_RECORDS) break;
    }
    if (rows !== BOUNDED_RECORDS) throw new Error(`expected ${BOUNDED_RECORDS} rows, got ${rows}`);
    return performance.now() - submitted;
  }

  async #until(jobId: string, condition: (details: Details) => boolean): Promise<void> {
    for (let waited = 0; waited < TIMEOUT_MILLIS; waited += POLL_MILLIS) {
      const response = await fetch(new URL(`/bench/jobs/${jobId}`, this.#server.url));
      const answer: unknown = await response.json();
      const details = Details.parse(answer);
      if (condition(details)) return;
      await sleep(POLL_MILLIS);
    }
    throw new Error(`job ${jobId}: waited in vain`);
  }
}
