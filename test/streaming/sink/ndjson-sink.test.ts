import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { CollectSink } from "../../../src/streaming/sink/collect-sink.ts";
import { readCommitted, type CommitCursor } from "../../../src/streaming/sink/committed-reader.ts";
import { ObjectSink } from "../../../src/streaming/sink/object-sink.ts";
import type { Sink, SinkWriter, SinkWriterContext } from "../../../src/streaming/sink/sink.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

type Writer = SinkWriter<unknown>;

function writer(
  overrides: Partial<SinkWriterContext<unknown>> = {},
  sink: Sink<unknown> = CollectSink.named("rows"),
): Writer {
  return sink.createWriter({
    jobId: brandId("job"),
    operatorId: brandId("op"),
    subtaskIndex: 0,
    parallelism: 2,
    attemptNumber: 0,
    type: types.json(),
    restored: [],
    ...overrides,
  });
}

const emptyStore = (): InMemoryObjectStore => new InMemoryObjectStore(new ManualClock());

async function committed(
  objects: InMemoryObjectStore,
  prefix = "results/rows/",
  cursor?: CommitCursor,
): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const line of readCommitted(objects, prefix, cursor)) rows.push(JSON.parse(line));
  return rows;
}

/** What a host does at a barrier. */
async function checkpoint(
  of: Writer,
  id: number,
  objects: InMemoryObjectStore,
): Promise<ReturnType<Writer["snapshotState"]>> {
  of.prepareCommit(id);
  const state = of.snapshotState();
  await of.stage(objects);
  return state;
}

const names = async (objects: InMemoryObjectStore): Promise<string[]> => (await objects.list("")).map(({ key }) => key);

describe("NDJSON sinks", () => {
  it("show records once their checkpoint is committed, not when they are staged", async () => {
    const objects = emptyStore();
    const sink = writer();
    sink.write({ a: 1 }, undefined);
    sink.write({ a: 2 }, undefined);
    await checkpoint(sink, 1, objects);
    sink.write({ a: 3 }, undefined);
    await checkpoint(sink, 2, objects);
    expect(await committed(objects)).toEqual([]);
    await sink.commit(1, objects);
    expect(await committed(objects)).toEqual([{ a: 1 }, { a: 2 }]);
    await sink.commit(2, objects);
    expect(await committed(objects)).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  it("name staged objects and manifests by job, operator, subtask, checkpoint and attempt", async () => {
    const objects = emptyStore();
    const sink = writer({ subtaskIndex: 3, attemptNumber: 2 });
    sink.write("x", undefined);
    await checkpoint(sink, 7, objects);
    sink.write("y", undefined);
    await checkpoint(sink, 8, objects);
    await sink.commit(8, objects);
    expect(await names(objects)).toEqual([
      "results/rows/manifest-0000000000000007-job-op-0003.json",
      "results/rows/manifest-0000000000000008-job-op-0003.json",
      "results/rows/part-job-op-0003-0-2-0.ndjson",
      "results/rows/part-job-op-0003-7-2-1.ndjson",
    ]);
  });

  it("commit again after a restore without a change, and what an aborted checkpoint staged with the next one", async () => {
    const objects = emptyStore();
    const first = writer();
    first.write(1, undefined);
    await checkpoint(first, 1, objects);
    first.write(2, undefined);
    const state = await checkpoint(first, 2, objects);
    await first.commit(2, objects);
    const before = await objects.list("");
    const second = writer({ restored: [state], attemptNumber: 1 });
    await second.commit(2, objects);
    expect(await objects.list("")).toEqual(before);
    expect(await committed(objects)).toEqual([1, 2]);
  });

  it("never show what an attempt staged for a checkpoint that was not completed", async () => {
    const objects = emptyStore();
    const first = writer();
    first.write("one", undefined);
    const state = await checkpoint(first, 1, objects);
    first.write("lost", undefined);
    await checkpoint(first, 2, objects);
    const second = writer({ restored: [state], attemptNumber: 1 });
    await second.commit(1, objects);
    second.write("two", undefined);
    await checkpoint(second, 3, objects);
    await second.commit(3, objects);
    expect(await committed(objects)).toEqual(["one", "two"]);
  });

  it("stage large output before the barrier and hold little in memory", async () => {
    const objects = emptyStore();
    const sink = writer();
    const record = "x".repeat(1_000);
    for (let index = 0; index < 600; index += 1) sink.write(record, undefined);
    expect(sink.bufferedBytes()).toBeGreaterThan(600_000);
    await sink.stage(objects);
    expect(sink.bufferedBytes()).toBeLessThan(256 * 1024);
    await checkpoint(sink, 1, objects);
    expect(sink.bufferedBytes()).toBe(0);
    await sink.commit(1, objects);
    expect(await committed(objects)).toHaveLength(600);
  });

  it("take records while they stage", async () => {
    const objects = emptyStore();
    const sink = writer();
    sink.write(1, undefined);
    sink.prepareCommit(1);
    const staging = sink.stage(objects);
    sink.write(2, undefined);
    sink.prepareCommit(2);
    await staging;
    await sink.stage(objects);
    await sink.commit(2, objects);
    expect(await committed(objects)).toEqual([1, 2]);
  });

  it("give a reader what was committed since its cursor, writers in any order", async () => {
    const objects = emptyStore();
    const [left, right] = [writer({ subtaskIndex: 0 }), writer({ subtaskIndex: 1 })];
    const cursor: CommitCursor = new Map();
    left.write("l1", undefined);
    right.write("r1", undefined);
    for (const each of [left, right]) await checkpoint(each, 1, objects);
    left.write("l2", undefined);
    right.write("r2", undefined);
    for (const each of [left, right]) await checkpoint(each, 2, objects);
    await left.commit(2, objects);
    expect(await committed(objects, "results/rows/", cursor)).toEqual(["l1", "l2"]);
    await right.commit(2, objects);
    expect(await committed(objects, "results/rows/", cursor)).toEqual(["r1", "r2"]);
    expect(await committed(objects, "results/rows/", cursor)).toEqual([]);
    expect(await committed(objects, "results/")).toEqual(["l1", "r1", "l2", "r2"]);
  });

  it("write where the sink says", async () => {
    const objects = emptyStore();
    const sink = writer({}, ObjectSink.ndjson("out/daily/"));
    sink.write(1, undefined);
    await checkpoint(sink, 1, objects);
    await sink.commit(1, objects);
    expect(await committed(objects, "objects/out/daily/")).toEqual([1]);
  });

  it("refuse what is no JSON, naming the sink", () => {
    expect(() => writer().write(undefined, undefined)).toThrow('sink "rows": expected a JSON value, got undefined');
    expect(() => writer().write(1n, undefined)).toThrow('sink "rows": Do not know how to serialize a BigInt');
  });

  it.each(["", "a/b", "../x", ".hidden", "ü"])("CollectSink refuses the name %j", (name) => {
    expect(() => CollectSink.named(name)).toThrow("CollectSink name: expected letters");
  });

  it.each(["", "/", "/a", "a//b", "a/../b", "..", "./a"])("ObjectSink refuses the prefix %j", (prefix) => {
    expect(() => ObjectSink.ndjson(prefix)).toThrow("ObjectSink prefix: expected names");
  });
});
