import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import {
  BATCH_TARGET_BYTES,
  CHANNEL_CREDIT_BYTES,
  MAX_RECORD_BYTES,
  type ChannelId,
  type ChannelMessage,
} from "../../../src/streaming/network/exchange-link.ts";
import { InputChannel } from "../../../src/streaming/network/input-channel.ts";
import { RecordBatchReader } from "../../../src/streaming/network/record-batch-reader.ts";
import { ResultSubpartition } from "../../../src/streaming/network/result-subpartition.ts";

const channel: ChannelId = { dataSet: brandId("d"), producer: brandId("p"), consumer: brandId("c") };

function testingSubpartition(type = types.string()): { subpartition: ResultSubpartition; sent: ChannelMessage[] } {
  const sent: ChannelMessage[] = [];
  return { subpartition: new ResultSubpartition({ channel, send: (message) => sent.push(message) }, type), sent };
}

const kinds = (sent: readonly ChannelMessage[]): string[] => sent.map(({ event }) => event.kind);

describe("ResultSubpartition", () => {
  it("sends nothing, not even events, before the first credit", () => {
    const { subpartition, sent } = testingSubpartition();
    subpartition.emit({ kind: "watermark", watermark: 1 });
    subpartition.emit({ kind: "end-of-data" });
    expect(sent).toEqual([]);
    expect(subpartition.isAvailable).toBe(false);
    subpartition.addCredit(CHANNEL_CREDIT_BYTES);
    expect(kinds(sent)).toEqual(["watermark", "end-of-data"]);
    expect(sent.map(({ sequence }) => sequence)).toEqual([0, 1]);
    expect(subpartition.isAvailable).toBe(true);
  });

  it("gathers records until they are flushed, full, or followed by an event", () => {
    const { subpartition, sent } = testingSubpartition();
    subpartition.addCredit(CHANNEL_CREDIT_BYTES);
    subpartition.add("a", undefined);
    expect(sent).toEqual([]);
    subpartition.flush();
    subpartition.add("b", undefined);
    subpartition.emit({ kind: "barrier", checkpointId: 1, timestampMillis: 0 });
    subpartition.add("c".repeat(BATCH_TARGET_BYTES / 2), undefined);
    expect(kinds(sent)).toEqual(["batch", "batch", "barrier", "batch"]);
  });

  it("keeps gathering without credit, and sends in order when it comes", () => {
    const { subpartition, sent } = testingSubpartition();
    subpartition.addCredit(20);
    subpartition.add("a".repeat(10), undefined);
    subpartition.flush();
    expect(sent).toEqual([]);
    expect(subpartition.isAvailable).toBe(true);
    subpartition.emit({ kind: "watermark", watermark: 1 });
    expect(subpartition.isAvailable).toBe(false);
    subpartition.addCredit(20);
    expect(kinds(sent)).toEqual(["batch", "watermark"]);
  });

  it("lets a newer watermark replace one that still waits", () => {
    const { subpartition, sent } = testingSubpartition();
    subpartition.emit({ kind: "watermark", watermark: 1 });
    subpartition.emit({ kind: "watermark", watermark: 2 });
    subpartition.addCredit(1);
    expect(sent).toEqual([{ sequence: 0, event: { kind: "watermark", watermark: 2 } }]);
  });

  it("refuses a record that no channel could hold", () => {
    const { subpartition } = testingSubpartition();
    expect(() => subpartition.add("x".repeat(MAX_RECORD_BYTES / 2), undefined)).toThrow(
      `at most ${MAX_RECORD_BYTES} bytes can be sent to another task`,
    );
  });

  it("never has more in a channel than its credit, starves never, and loses or reorders nothing", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: (MAX_RECORD_BYTES - 16) / 2 }), { minLength: 1, maxLength: 40 });
    const paces = fc.infiniteStream(fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(lengths, paces, (sizes, pace) => {
        const held: ChannelMessage[] = [];
        const subpartition = new ResultSubpartition({ channel, send: (message) => held.push(message) }, types.string());
        const input = new InputChannel({ id: channel, input: 0 }, (bytes) => subpartition.addCredit(bytes));
        const received: number[] = [];
        const consume = (): boolean => {
          for (const message of held.splice(0)) input.receive(message);
          const event = input.poll();
          if (event?.kind !== "batch") return false;
          new RecordBatchReader(types.string()).forEach(event.batch, (value) => received.push(String(value).length));
          return true;
        };
        input.open();
        for (const size of sizes) {
          subpartition.add("x".repeat(size), undefined);
          if (pace.next().value === 0) subpartition.flush();
          for (let turns = pace.next().value; turns > 0; turns -= 1) consume();
        }
        subpartition.flush();
        while (consume()) subpartition.flush();
        expect(received).toEqual(sizes);
        expect(input.peakBytes).toBeLessThanOrEqual(CHANNEL_CREDIT_BYTES);
      }),
    );
  });
});
