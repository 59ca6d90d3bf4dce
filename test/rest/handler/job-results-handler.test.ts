import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import type { ObjectStore } from "../../../src/runtime/blob/object-store.ts";
import type { CommitNews } from "../../../src/runtime/messages/commit-news.ts";
import { JOB_ID, UNKNOWN_JOB_ID } from "../jobs.ts";
import { InMemoryCluster, restHarness } from "../rest-harness.ts";

const results = `/v1/sluice/jobs/${JOB_ID}/results`;

interface Fixture {
  readonly harness: ReturnType<typeof restHarness>;
  /** What followers told the Dispatcher to know. */
  readonly asked: number[];
  /** The job's sinks have committed, or it has ended: who waits is answered. */
  tell(news: CommitNews): void;
  /** The Dispatcher answers who waits, and who asks from now on, with an error. */
  fail(error: Error): void;
}

/** A job that is running, or has ended, with a Dispatcher that answers when it is told something new. */
function fixture(ended: boolean): Fixture {
  const cluster = new InMemoryCluster();
  const asked: number[] = [];
  const waiting: { readonly resolve: (news: CommitNews) => void; readonly reject: (error: Error) => void }[] = [];
  let news: CommitNews = { commits: 0, ended };
  let failure: Error | undefined;
  return {
    asked,
    harness: restHarness({
      dispatcher: () => ({
        ...cluster.dispatcher,
        awaitCommit: async (_jobId, known) => {
          asked.push(known);
          if (failure !== undefined) throw failure;
          if (known !== news.commits || news.ended) return news;
          return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
        },
      }),
    }),
    tell: (told) => {
      news = told;
      failure = undefined;
      for (const { resolve } of waiting.splice(0)) resolve(told);
    },
    fail: (error) => {
      failure = error;
      for (const { reject } of waiting.splice(0)) reject(error);
    },
  };
}

function linesOf(response: Response): ReadableStreamDefaultReader<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) throw new Error("no body");
  return reader;
}

/** What a sink writer leaves behind for one checkpoint, in the documented form. */
async function commit(
  objects: ObjectStore,
  of: { readonly sink: string; readonly checkpoint: number; readonly lines: readonly string[] },
) {
  const folder = `v1/default/jobs/${JOB_ID}/results/${of.sink}/`;
  const part = `part-op-0-${of.checkpoint}-0`;
  const manifest = {
    version: 1,
    writer: "op-0",
    checkpointId: of.checkpoint,
    parts: [{ name: part, records: of.lines.length, size: 0 }],
  };
  await objects.put(folder + part, new TextEncoder().encode(of.lines.map((line) => `${line}\n`).join("")));
  const name = `manifest-${String(of.checkpoint).padStart(16, "0")}-op-0.json`;
  await objects.put(folder + name, new TextEncoder().encode(JSON.stringify(manifest)));
}

describe("GET /sluice/jobs/:jobid/results", () => {
  it("gives the committed rows of a job that ended, and no staged ones", async () => {
    const { harness } = fixture(true);
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ['{"a":1}', '{"a":2}'] });
    await commit(harness.objects, { sink: "rows", checkpoint: 10, lines: ['{"a":3}'] });
    await harness.objects.put(
      `v1/default/jobs/${JOB_ID}/results/rows/part-op-0-11-0`,
      new TextEncoder().encode('{"a":4}\n'),
    );
    const response = await harness.send(results);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson; charset=UTF-8");
    expect(await response.text()).toBe('{"a":1}\n{"a":2}\n{"a":3}\n');
  });

  it("picks one sink by name", async () => {
    const { harness } = fixture(true);
    await commit(harness.objects, { sink: "a", checkpoint: 1, lines: ["1"] });
    await commit(harness.objects, { sink: "ab", checkpoint: 1, lines: ["2"] });
    expect(await (await harness.send(`${results}?sink=a`)).text()).toBe("1\n");
    expect(await (await harness.send(`${results}?sink=nothing`)).text()).toBe("");
    expect((await harness.send(`${results}?sink=..%2Fa`)).status).toBe(400);
  });

  it("pushes what is committed as soon as it is, without looking for it in between", async () => {
    const { harness, asked, tell } = fixture(false);
    const { objects, clock, send } = harness;
    await commit(objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    const reader = linesOf(await send(results));
    expect((await reader.read()).value).toBe("1\n");
    const next = reader.read();
    await clock.advance(60_000);
    await commit(objects, { sink: "rows", checkpoint: 2, lines: ["2", "3"] });
    expect(asked).toEqual([-1, 0]);
    tell({ commits: 4, ended: false });
    expect((await next).value).toBe("2\n3\n");
    const last = reader.read();
    await commit(objects, { sink: "rows", checkpoint: 3, lines: ["4"] });
    tell({ commits: 5, ended: true });
    expect((await last).value).toBe("4\n");
    expect((await reader.read()).done).toBe(true);
    expect(asked).toEqual([-1, 0, 4]);
    expect(clock.pending).toBe(0);
  });

  it("reads once more after the job ended: rows committed just before are not missed", async () => {
    const { harness, tell } = fixture(false);
    const reader = linesOf(await harness.send(results));
    const next = reader.read();
    await harness.clock.settle();
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["last"] });
    tell({ commits: 0, ended: true });
    expect((await next).value).toBe("last\n");
    expect((await reader.read()).done).toBe(true);
  });

  it("looks for itself while nobody can tell, and ends when the job is forgotten", async () => {
    const { harness, fail } = fixture(false);
    const { objects, clock, send } = harness;
    const reader = linesOf(await send(results));
    const next = reader.read();
    await clock.settle();
    fail(new SluiceException("UNAVAILABLE", "the JobMaster does not answer", { retryable: true }));
    await commit(objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    await clock.advance(1_000);
    expect((await next).value).toBe("1\n");
    const last = reader.read();
    fail(new SluiceException("JOB_NOT_FOUND", "expired"));
    await clock.advance(1_000);
    expect((await last).done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("without following ends with what is committed now", async () => {
    const { harness } = fixture(false);
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    expect(await (await harness.send(`${results}?follow=false`)).text()).toBe("1\n");
  });

  it("a reader that leaves stops the following", async () => {
    const { harness } = fixture(false);
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    const reader = (await harness.send(results)).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(harness.clock.pending).toBe(0);
  });

  it("an unknown job is 404", async () => {
    const response = await fixture(false).harness.send(`/sluice/jobs/${UNKNOWN_JOB_ID}/results`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ errors: [`Job ${UNKNOWN_JOB_ID} not found`] });
  });
});
