import { describe, expect, it } from "vitest";
import { brandId, type JobID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import { inletKey } from "../../../src/runtime/messages/pushed-records.ts";
import { HttpSource } from "../../../src/streaming/source/http-source.ts";
import type { PollStatus, SourceReader, SourceReaderContext } from "../../../src/streaming/source/source.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

const JOB = brandId<JobID>("1".repeat(32));
const Reading = types.row({ value: types.int() });

class Inlet {
  readonly clock = new ManualClock();
  readonly objects = new InMemoryObjectStore(this.clock);

  async put(batch: number, ...lines: readonly string[]): Promise<void> {
    const text = [`{"records":${lines.length}}`, ...lines].join("\n");
    await this.objects.put(inletKey("readings", batch), new TextEncoder().encode(text));
  }

  reader(overrides: Partial<SourceReaderContext> = {}) {
    const context = { jobId: JOB, subtaskIndex: 0, parallelism: 1, clock: this.clock, restored: [], ...overrides };
    return HttpSource.ndjson("readings", Reading, { timestampField: "time" }).createReader(context);
  }

  /** Reads until there is nothing, or `limit` records. */
  async read(reader: SourceReader<{ readonly value: number }>, limit = 100): Promise<readonly number[]> {
    const values: number[] = [];
    for (;;) {
      const status: PollStatus = reader.poll(limit - values.length, ({ value }) => values.push(value));
      if (status.kind === "needs-fetch") await reader.fetch(this.objects);
      else if (status.kind === "wait-for-records" || values.length >= limit) return values;
    }
  }
}

const line = (value: number): string => JSON.stringify({ value, time: value * 10 });

describe("a source that is sent its records", () => {
  it("reads the batches in order, every n-th each subtask, and waits for the next", async () => {
    const inlet = new Inlet();
    for (let batch = 0; batch < 5; batch += 1) await inlet.put(batch, line(batch * 2), line(batch * 2 + 1));
    expect(await inlet.read(inlet.reader())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const shares = [0, 1].map((subtaskIndex) => inlet.read(inlet.reader({ subtaskIndex, parallelism: 2 })));
    expect(await Promise.all(shares)).toEqual([
      [0, 1, 4, 5, 8, 9],
      [2, 3, 6, 7],
    ]);
  });

  it("looks again after pauses that grow to half a second", async () => {
    const inlet = new Inlet();
    const reader = inlet.reader();
    const pauses: number[] = [];
    for (let look = 0; look < 7; look += 1) {
      expect(reader.poll(1, () => undefined)).toEqual({ kind: "needs-fetch" });
      await reader.fetch(inlet.objects);
      const status = reader.poll(1, () => undefined);
      if (status.kind !== "wait-for-records") throw new Error(status.kind);
      pauses.push(status.lookMillis - inlet.clock.now());
      await inlet.clock.advance(status.lookMillis - inlet.clock.now());
    }
    expect(pauses).toEqual([25, 50, 100, 200, 400, 500, 500]);
  });

  it("goes on within a batch where a snapshot was taken; another job's position says nothing of this job", async () => {
    const inlet = new Inlet();
    await inlet.put(0, line(1), line(2), line(3));
    const reader = inlet.reader();
    expect(await inlet.read(reader, 2)).toEqual([1, 2]);
    const restored = [reader.snapshotPosition()];
    const again = inlet.reader({ restored });
    expect(again.recordsRead()).toBe(2);
    expect(await inlet.read(again)).toEqual([3]);
    const other = inlet.reader({ restored, jobId: brandId<JobID>("2".repeat(32)) });
    expect(await inlet.read(other)).toEqual([1, 2, 3]);
  });

  it("takes the event time from its field, and names the place of a record that is none", async () => {
    const inlet = new Inlet();
    await inlet.put(0, line(1));
    await inlet.put(1, line(2), '{"value":"three","time":3}');
    const reader = inlet.reader();
    const times: (number | undefined)[] = [];
    const failure = async (): Promise<void> => {
      for (;;) {
        const { kind } = reader.poll(10, (_, timestamp) => times.push(timestamp));
        if (kind === "needs-fetch") await reader.fetch(inlet.objects);
      }
    };
    await expect(failure()).rejects.toThrow("readings batch 1 line 2: value: expected");
    expect(times).toEqual([10, 20]);
  });

  it.each(["", "a/b", "a b", ".x", "x".repeat(65)])("is not named %j", (name) => {
    expect(() => HttpSource.ndjson(name, Reading)).toThrow('name: expected up to 64 letters, digits, ".", "_" and "-"');
  });
});
