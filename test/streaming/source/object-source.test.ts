import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { ObjectStore } from "../../../src/runtime/blob/object-store.ts";
import { ObjectSource, type ObjectSourceOptions } from "../../../src/streaming/source/object-source.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "../../../src/streaming/source/source.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

const KEY = "in/data.ndjson";
const POLL_LIMIT = 3;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function stored(text: string): Promise<InMemoryObjectStore> {
  const objects = new InMemoryObjectStore(new ManualClock());
  await objects.put(`objects/${KEY}`, encode(text));
  return objects;
}

function context(overrides: Partial<SourceReaderContext> = {}): SourceReaderContext {
  return {
    jobId: brandId<JobID>("1".repeat(32)),
    subtaskIndex: 0,
    parallelism: 1,
    clock: new ManualClock(),
    restored: [],
    ...overrides,
  };
}

function jsonReader(options: ObjectSourceOptions = {}, overrides: Partial<SourceReaderContext> = {}) {
  return ObjectSource.ndjson(KEY, types.json(), options).createReader(context(overrides));
}

/** Reads until the end, or until `stop` records. */
async function readAll<T>(
  reader: SourceReader<T>,
  objects: ObjectStore,
  stop = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const records: T[] = [];
  while (records.length < stop) {
    const status = reader.poll(Math.min(POLL_LIMIT, stop - records.length), (value) => records.push(value));
    if (status.kind === "needs-fetch") await reader.fetch(objects);
    else if (status.kind === "end") break;
  }
  return records;
}

/** One poll after every fetch it wants. */
async function settledPoll<T>(reader: SourceReader<T>, objects: ObjectStore): Promise<PollStatus> {
  for (;;) {
    const status = reader.poll(100, () => undefined);
    if (status.kind !== "needs-fetch") return status;
    await reader.fetch(objects);
  }
}

const line = fc.oneof(
  fc.json({ maxDepth: 1 }),
  fc.string({ maxLength: 30, unit: "grapheme" }).map((text) => JSON.stringify(text)),
  fc.constantFrom("", " ", "\r"),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, end]) => lines.join("\n") + (end ? "\n" : ""));
const layout = fc.record({ chunkBytes: fc.integer({ min: 1, max: 80 }), parallelism: fc.integer({ min: 1, max: 5 }) });

function plainSplit(content: string): unknown[] {
  return content.split("\n").flatMap((each) => (each.trim() === "" ? [] : [JSON.parse(each) as unknown]));
}

const sorted = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value)).sort();

describe("ObjectSource.ndjson", () => {
  it("reads every line once, by any chunks and any number of subtasks", async () => {
    await fc.assert(
      fc.asyncProperty(text, layout, async (content, { chunkBytes, parallelism }) => {
        const objects = await stored(content);
        const records: unknown[] = [];
        for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex += 1) {
          const reader = jsonReader({ chunkBytes }, { subtaskIndex, parallelism });
          const own = await readAll(reader, objects);
          expect(reader.recordsRead()).toBe(own.length);
          records.push(...own);
        }
        expect(sorted(records)).toEqual(sorted(plainSplit(content)));
        const inOrder = parallelism === 1 ? records : plainSplit(content);
        expect(inOrder).toEqual(plainSplit(content));
      }),
      { numRuns: 300 },
    );
  });

  it("goes on after a restored position as if nothing had happened", async () => {
    await fc.assert(
      fc.asyncProperty(text, layout, fc.nat({ max: 20 }), async (content, { chunkBytes, parallelism }, stop) => {
        const objects = await stored(content);
        const setup = { subtaskIndex: 0, parallelism };
        const undisturbed = await readAll(jsonReader({ chunkBytes }, setup), objects);
        const first = jsonReader({ chunkBytes }, setup);
        const before = await readAll(first, objects, stop);
        const second = jsonReader({ chunkBytes }, { ...setup, restored: [first.snapshotPosition()] });
        expect(second.recordsRead()).toBe(before.length);
        const after = await readAll(second, objects);
        expect([...before, ...after]).toEqual(undisturbed);
        expect(second.recordsRead()).toBe(undisturbed.length);
      }),
      { numRuns: 200 },
    );
  });

  it("reads the chunks that its own rule cuts, by ranges", async () => {
    const content = Array.from({ length: 4_000 }, (_, index) => `{"index":${index}}\n`).join("");
    const objects = await stored(content);
    const shares: number[] = [];
    for (let subtaskIndex = 0; subtaskIndex < 4; subtaskIndex += 1) {
      shares.push((await readAll(jsonReader({}, { subtaskIndex, parallelism: 4 }), objects)).length);
    }
    expect(shares.reduce((sum, share) => sum + share)).toBe(4_000);
    // About eight chunks each, so the subtasks' shares differ by little.
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(400);
  });

  it("says which object is missing and how to upload it", async () => {
    const reader = jsonReader();
    await expect(readAll(reader, new InMemoryObjectStore(new ManualClock()))).rejects.toThrow(
      "in/data.ndjson does not exist. Upload it: curl --upload-file FILE <url>/v1/sluice/objects/in/data.ndjson",
    );
  });

  it.each([
    ["{", /^in\/data\.ndjson line 3: not JSON: /],
    ['{"mag":"high"}', /^in\/data\.ndjson line 3: mag: expected a number, got "high"$/],
    ['{"mag":1,"time":"now"}', /^in\/data\.ndjson line 3: time: expected epoch milliseconds, got "now"$/],
    ["5", /^in\/data\.ndjson line 3: expected an object, got 5$/],
  ])("fails for the line %s with its number and the field", async (bad, message) => {
    const good = '{"mag":1,"time":7}';
    const objects = await stored([good, "", bad, good].join("\n"));
    const type = types.row({ mag: types.double() });
    const reader = ObjectSource.ndjson(KEY, type, { timestampField: "time", chunkBytes: 8 }).createReader(context());
    await expect(readAll(reader, objects)).rejects.toThrow(message);
    expect(reader.recordsRead()).toBe(1);
  });

  it("gives the field's timestamps", async () => {
    const objects = await stored('{"time":5}\n{"time":9}\n');
    const reader = jsonReader({ timestampField: "time" });
    const timestamps: (number | undefined)[] = [];
    reader.poll(9, () => undefined);
    await reader.fetch(objects);
    reader.poll(9, (_, timestamp) => timestamps.push(timestamp));
    expect(timestamps).toEqual([5, 9]);
  });

  it("shares the rate among the subtasks and waits for its clock", async () => {
    const clock = new ManualClock(1_000);
    const objects = await stored("1\n2\n3\n4\n5\n");
    const reader = jsonReader({ recordsPerSecond: 20 }, { clock, parallelism: 2 });
    expect(await settledPoll(reader, objects)).toEqual({ kind: "wait-until", dueMillis: 1_100 });
    expect(reader.recordsRead()).toBe(1);
    await clock.advance(99);
    reader.poll(100, () => undefined);
    expect(reader.recordsRead()).toBe(1);
    await clock.advance(201);
    expect(await settledPoll(reader, objects)).toEqual({ kind: "wait-until", dueMillis: 1_400 });
    expect(reader.recordsRead()).toBe(4);
    await clock.advance(100);
    expect(await settledPoll(reader, objects)).toEqual({ kind: "end" });
  });

  it("refuses to go on in an object that was replaced", async () => {
    const objects = await stored("1\n2\n3\n");
    const reader = jsonReader();
    await readAll(reader, objects, 2);
    await objects.put(`objects/${KEY}`, encode("7\n8\n9\n"));
    const restored = jsonReader({}, { restored: [reader.snapshotPosition()] });
    await expect(readAll(restored, objects)).rejects.toThrow("in/data.ndjson was replaced while the job read it");
  });

  it("RST-08: at any other parallelism the subtasks divide what is left, again and again", async () => {
    const stops = fc.array(fc.nat({ max: 8 }), { minLength: 5, maxLength: 5 });
    const rescales = fc.array(fc.record({ parallelism: fc.integer({ min: 1, max: 5 }), stops }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 80 }), rescales, async (content, chunkBytes, lives) => {
        const objects = await stored(content);
        const records: unknown[] = [];
        let restored: SourceReaderContext["restored"] = [];
        let before = 0;
        for (const { parallelism, stops: limits } of [...lives, { parallelism: 3, stops: [] }]) {
          const unchanged = restored.length === parallelism && before === parallelism;
          const readers = Array.from({ length: parallelism }, (_, subtaskIndex) =>
            jsonReader(
              { chunkBytes },
              {
                subtaskIndex,
                parallelism,
                restored: unchanged ? restored.slice(subtaskIndex, subtaskIndex + 1) : restored,
              },
            ),
          );
          expect(readers.reduce((sum, reader) => sum + reader.recordsRead(), 0)).toBe(records.length);
          for (const [index, reader] of readers.entries()) {
            records.push(...(await readAll(reader, objects, limits[index] ?? Number.POSITIVE_INFINITY)));
          }
          restored = readers.map((reader) => reader.snapshotPosition());
          before = parallelism;
        }
        expect(sorted(records)).toEqual(sorted(plainSplit(content)));
      }),
      { numRuns: 200 },
    );
  });

  it("RST-08: more subtasks than before all get something to read", async () => {
    const content = Array.from({ length: 4_000 }, (_, index) => `{"index":${index}}\n`).join("");
    const objects = await stored(content);
    const before = jsonReader({ chunkBytes: 500 });
    await readAll(before, objects, 100);
    for (let subtaskIndex = 0; subtaskIndex < 4; subtaskIndex += 1) {
      const restored = [before.snapshotPosition()];
      const after = jsonReader({ chunkBytes: 500 }, { subtaskIndex, parallelism: 4, restored });
      expect((await readAll(after, objects)).length).toBeGreaterThan(800);
    }
  });

  it("refuses a line that does not fit in memory", async () => {
    const objects = await stored(`"${"x".repeat(2 * 1024 * 1024)}"`);
    await expect(readAll(jsonReader(), objects)).rejects.toThrow("the line at byte 0 is longer than 1048576 bytes");
  });

  it.each([
    [{ recordsPerSecond: 0 }, "recordsPerSecond: expected a number above 0, got 0"],
    [{ chunkBytes: 1.5 }, "chunkBytes: expected an integer from 1, got 1.5"],
  ])("refuses %j", (options, message) => {
    expect(() => ObjectSource.ndjson(KEY, types.json(), options)).toThrow(message);
    expect(() => ObjectSource.ndjson("", types.json())).toThrow("key: expected the key of an uploaded object");
  });
});
