import { describe, expect, it, vi } from "vitest";
import { silentLogger } from "../../../src/common/log.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { StoredCheckpoint } from "../../../src/runtime/checkpoint/completed-checkpoint.ts";
import { JobInlets } from "../../../src/runtime/jobmaster/job-inlets.ts";
import { inletKey, type PushedRecords } from "../../../src/runtime/messages/pushed-records.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { MapStorage } from "../map-storage.ts";

const PREFIX = "v1/default/jobs/mine/";

/** Inlets of a job whose source of two subtasks is called `readings`. */
function harness() {
  const clock = new ManualClock();
  const objects = new InMemoryObjectStore(clock);
  const graph = testingJobGraph({ parallelism: 2 });
  const [vertex, ...others] = graph.vertices;
  const [operator] = vertex?.operators ?? [];
  if (vertex === undefined || operator === undefined) throw new Error("the graph begins with a source");
  const inlet = { name: "readings", type: types.int().snapshot() };
  const inlets = new JobInlets({
    services: {
      log: silentLogger,
      whenSettled: (promise, onResult, onError) => void promise.then(onResult, onError),
    },
    storage: new MapStorage(),
    objects,
    prefix: PREFIX,
    jobGraph: { ...graph, vertices: [{ ...vertex, operators: [{ ...operator, inlet }] }, ...others] },
  });
  let checkpointId = 0;
  const checkpoint = (...positions: readonly number[]): StoredCheckpoint => ({
    checkpointId: (checkpointId += 1),
    triggerTimestampMillis: 0,
    completionTimestampMillis: 0,
    stateSize: 0,
    pointer: `${PREFIX}chk-${checkpointId}/_metadata`,
    etag: "e",
    vertices: [
      {
        jobVertexId: vertex.id,
        operators: [],
        parallelism: 2,
        maxParallelism: 128,
        subtasks: positions.map((sourcePosition) => ({ finished: false, sourcePosition })),
      },
    ],
  });
  return { inlets, objects, checkpoint, settled: () => clock.settle() };
}

function sent(id: string, sequence: number, records: number): PushedRecords {
  const lines = Array.from({ length: records }, (_, index) => String(index));
  return { bytes: new TextEncoder().encode(lines.join("\n")), records, producer: { id, sequence } };
}

/** As the inlets store it. */
function object({ records, producer, bytes }: PushedRecords): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ records, producer })}\n${new TextDecoder().decode(bytes)}`);
}

describe("what was sent to a job", () => {
  it("is in a checkpoint that has read each subtask's share, whatever the sum says; only that one knows its senders", async () => {
    const { inlets, checkpoint } = harness();
    await inlets.push("readings", sent("one", 4, 2));
    await inlets.push("readings", sent("two", 9, 1));
    for (const positions of [[], [2, 0], [0, 1], [3, 0]]) {
      expect(inlets.isDrained(checkpoint(...positions)), positions.join()).toBe(false);
      expect(inlets.withProducers(checkpoint(...positions))).not.toHaveProperty("producers");
    }
    const last = checkpoint(2, 1);
    expect(inlets.isDrained(last)).toBe(true);
    expect(inlets.isDrained({ ...last, pointer: "v1/default/jobs/other/chk-3/_metadata" })).toBe(false);
    const producers = [
      { inlet: "readings", id: "one", sequence: 4 },
      { inlet: "readings", id: "two", sequence: 9 },
    ];
    expect(inlets.withProducers(last)).toEqual({ ...last, producers });
    const pushing = inlets.push("readings", sent("one", 5, 1));
    expect(inlets.withProducers(last), "another one is being stored").toBe(last);
    await pushing;
    expect(inlets.withProducers(last), "another one is stored").toBe(last);
  });

  it("is known again by the job that starts from there, at the sources it has", async () => {
    const { inlets, checkpoint } = harness();
    const producers = [
      { inlet: "readings", id: "one", sequence: 4 },
      { inlet: "gone", id: "one", sequence: 40 },
    ];
    inlets.adoptProducers({ ...checkpoint(), producers });
    expect(await inlets.push("readings", sent("one", 4, 2))).toEqual({ kind: "duplicate" });
    expect(await inlets.push("readings", sent("one", 5, 2))).toEqual({ kind: "accepted" });
    expect(inlets.withProducers(checkpoint(2, 0)).producers).toEqual([{ inlet: "readings", id: "one", sequence: 5 }]);
  });

  it("is found if it was read without being known: its row got lost, its object did not", async () => {
    const { inlets, objects, checkpoint, settled } = harness();
    await inlets.push("readings", sent("one", 1, 2));
    await objects.put(PREFIX + inletKey("readings", 1), object(sent("two", 1, 3)));
    const read = checkpoint(2, 3);
    expect(inlets.isDrained(read)).toBe(false);
    inlets.discardRead(read);
    await settled();
    inlets.discardRead(read);
    await settled();
    expect(inlets.isDrained(read)).toBe(true);
    expect(inlets.withProducers(read).producers).toContainEqual({ inlet: "readings", id: "two", sequence: 1 });
    expect(await objects.list("")).toEqual([]);
    expect(await inlets.push("readings", sent("two", 1, 3))).toEqual({ kind: "duplicate" });
  });

  it("counts once, although it is read and found before its sender's put is answered", async () => {
    const { inlets, objects, checkpoint, settled } = harness();
    const put = objects.put.bind(objects);
    const answered = Promise.withResolvers<undefined>();
    vi.spyOn(objects, "put").mockImplementationOnce(async (...args) => {
      const written = await put(...args);
      await answered.promise;
      return written;
    });
    const pushing = inlets.push("readings", sent("one", 1, 2));
    await settled();
    inlets.discardRead(checkpoint(2, 0));
    await settled();
    answered.resolve(undefined);
    expect(await pushing).toEqual({ kind: "accepted" });
    expect(inlets.isDrained(checkpoint(2, 0))).toBe(true);
    await settled();
    await inlets.push("readings", sent("one", 2, 4));
    expect(inlets.isDrained(checkpoint(2, 4)), "the next one is the other subtask's").toBe(true);
  });

  it("counts once, although it is found while the next one comes", async () => {
    const { inlets, objects, checkpoint, settled } = harness();
    await objects.put(PREFIX + inletKey("readings", 0), object(sent("one", 1, 2)));
    inlets.discardRead(checkpoint(2, 0));
    expect(await inlets.push("readings", sent("one", 2, 4))).toEqual({ kind: "accepted" });
    await settled();
    expect(inlets.isDrained(checkpoint(2, 0))).toBe(false);
    expect(inlets.isDrained(checkpoint(2, 4))).toBe(true);
  });
});
