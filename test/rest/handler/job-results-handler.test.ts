import { describe, expect, it } from "vitest";
import type { JobStatus } from "../../../src/runtime/messages/job-status.ts";
import type { ObjectStore } from "../../../src/runtime/blob/object-store.ts";
import { JOB_ID, UNKNOWN_JOB_ID } from "../jobs.ts";
import { InMemoryCluster, restHarness } from "../rest-harness.ts";

const results = `/v1/sluice/jobs/${JOB_ID}/results`;

interface Fixture {
  status: JobStatus;
  readonly harness: ReturnType<typeof restHarness>;
}

function fixture(status: JobStatus): Fixture {
  const cluster = new InMemoryCluster();
  const state: Fixture = {
    status,
    harness: restHarness({
      dispatcher: () => ({
        ...cluster.dispatcher,
        requestJobStatus: async (jobId) => {
          await cluster.dispatcher.requestJobStatus(jobId);
          return state.status;
        },
      }),
    }),
  };
  return state;
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
    const { harness } = fixture("FINISHED");
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
    const { harness } = fixture("FINISHED");
    await commit(harness.objects, { sink: "a", checkpoint: 1, lines: ["1"] });
    await commit(harness.objects, { sink: "ab", checkpoint: 1, lines: ["2"] });
    expect(await (await harness.send(`${results}?sink=a`)).text()).toBe("1\n");
    expect(await (await harness.send(`${results}?sink=nothing`)).text()).toBe("");
    expect((await harness.send(`${results}?sink=..%2Fa`)).status).toBe(400);
  });

  it("follows a running job until it ended, and misses nothing committed at the end", async () => {
    const running = fixture("RUNNING");
    const { objects, clock, send } = running.harness;
    await commit(objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    const reader = (await send(results)).body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) throw new Error("no body");
    expect((await reader.read()).value).toBe("1\n");
    const next = reader.read();
    await clock.advance(1_000);
    await commit(objects, { sink: "rows", checkpoint: 2, lines: ["2", "3"] });
    running.status = "FINISHED";
    await clock.advance(1_000);
    expect((await next).value).toBe("2\n3\n");
    expect((await reader.read()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("reads once more after the job ended: rows committed just before are not missed", async () => {
    const cluster = new InMemoryCluster();
    let asked = 0;
    const harness = restHarness({
      dispatcher: () => ({
        ...cluster.dispatcher,
        requestJobStatus: async () => {
          asked += 1;
          // The first question is whether the job exists.
          if (asked === 2) await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["last"] });
          return asked === 1 ? "RUNNING" : "FINISHED";
        },
      }),
    });
    expect(await (await harness.send(results)).text()).toBe("last\n");
  });

  it("without following ends with what is committed now", async () => {
    const { harness } = fixture("RUNNING");
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    expect(await (await harness.send(`${results}?follow=false`)).text()).toBe("1\n");
  });

  it("a reader that leaves stops the following", async () => {
    const { harness } = fixture("RUNNING");
    await commit(harness.objects, { sink: "rows", checkpoint: 1, lines: ["1"] });
    const reader = (await harness.send(results)).body?.getReader();
    await reader?.read();
    const left = reader?.cancel();
    await harness.clock.advance(1_000);
    await left;
    expect(harness.clock.pending).toBe(0);
  });

  it("an unknown job is 404", async () => {
    const response = await fixture("RUNNING").harness.send(`/sluice/jobs/${UNKNOWN_JOB_ID}/results`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ errors: [`Job ${UNKNOWN_JOB_ID} not found`] });
  });
});
