import { describe, expect, it } from "vitest";
import { brandId } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { ChannelEvent } from "../../../src/streaming/network/exchange-link.ts";
import { CHANNEL_CREDIT_BYTES } from "../../../src/streaming/network/exchange-link.ts";
import { InputChannel } from "../../../src/streaming/network/input-channel.ts";
import { InputGate, type InputEvent } from "../../../src/streaming/network/input-gate.ts";
import { RecordBatchBuilder } from "../../../src/streaming/network/record-batch-builder.ts";
import { MAX_WATERMARK } from "../../../src/streaming/operators/stream-operator.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

function batch(value: number): ChannelEvent {
  const builder = new RecordBatchBuilder(types.int());
  builder.append(value, undefined);
  return { kind: "batch", batch: builder.build() };
}

/** Stands for the batch of one record. */
function shown(event: InputEvent | undefined): unknown {
  if (event?.kind !== "batch") return event?.kind === "aligned" ? `aligned ${event.checkpointId}` : event;
  const [column] = event.batch.columns;
  return column instanceof Int32Array ? column[0] : column;
}

class TestingGate {
  readonly grants: number[];
  readonly channels: readonly InputChannel[];
  readonly gate: InputGate;
  readonly #sequences: number[];

  constructor(channels: number) {
    this.grants = Array.from({ length: channels }, () => 0);
    this.#sequences = this.grants.map(() => 0);
    this.channels = this.grants.map(
      (_, index) =>
        new InputChannel(
          { id: { dataSet: brandId("d"), producer: brandId(`p${index}`), consumer: brandId("c") }, input: 0 },
          (bytes) => {
            this.grants[index] = (this.grants[index] ?? 0) + bytes;
          },
        ),
    );
    this.gate = new InputGate(this.channels, new ManualClock(100));
  }

  receive(channel: number, ...events: readonly ChannelEvent[]): void {
    for (const event of events) {
      const sequence = this.#sequences[channel] ?? 0;
      this.#sequences[channel] = sequence + 1;
      this.channels[channel]?.receive({ sequence, event });
    }
  }

  drain(): unknown[] {
    const events: unknown[] = [];
    for (let event = this.gate.poll(); event !== undefined; event = this.gate.poll()) events.push(shown(event));
    return events;
  }
}

const barrier = (checkpointId: number): ChannelEvent => ({ kind: "barrier", checkpointId, timestampMillis: 90 });
const watermark = (value: number): ChannelEvent => ({ kind: "watermark", watermark: value });
const END: ChannelEvent = { kind: "end-of-data" };

describe("InputGate", () => {
  it("takes channels in turn", () => {
    const testing = new TestingGate(2);
    testing.receive(0, batch(1), batch(2));
    testing.receive(1, batch(10), batch(20));
    expect(testing.drain()).toEqual([1, 10, 2, 20]);
  });

  it("gives the least watermark over all channels, when it rises", () => {
    const testing = new TestingGate(2);
    testing.receive(0, watermark(5), watermark(9));
    expect(testing.drain()).toEqual([]);
    testing.receive(1, watermark(7));
    expect(testing.drain()).toEqual([watermark(7)]);
    testing.receive(1, watermark(6), watermark(20));
    expect(testing.drain()).toEqual([watermark(9)]);
    expect(testing.gate.watermark).toBe(9);
  });

  it("lets a channel past its end hold back neither watermarks nor the others' end", () => {
    const testing = new TestingGate(2);
    testing.receive(0, END);
    testing.receive(1, watermark(7));
    expect(testing.drain()).toEqual([watermark(7)]);
    testing.receive(1, END);
    expect(testing.drain()).toEqual([watermark(MAX_WATERMARK), { kind: "end-of-data" }]);
  });

  it("CP-28 holds back what follows a barrier until every channel delivered it", () => {
    const testing = new TestingGate(2);
    testing.receive(0, batch(1), barrier(1), batch(2));
    testing.receive(1, batch(10));
    expect(testing.drain()).toEqual([1, 10]);
    testing.receive(1, batch(11), barrier(1), batch(12));
    expect(testing.drain()).toEqual([11, "aligned 1", 2, 12]);
  });

  it("CP-29 ends before the barrier that the end completes", () => {
    const testing = new TestingGate(2);
    testing.receive(0, END, barrier(4));
    expect(testing.drain()).toEqual([]);
    testing.receive(1, END);
    expect(testing.drain()).toEqual([watermark(MAX_WATERMARK), { kind: "end-of-data" }, "aligned 4"]);
  });

  it("says when the first barrier came and what was processed by then", () => {
    const testing = new TestingGate(2);
    testing.receive(0, batch(1), barrier(3));
    testing.drain();
    testing.receive(1, batch(2), barrier(3));
    testing.gate.poll();
    expect(testing.gate.poll()).toEqual({
      kind: "aligned",
      checkpointId: 3,
      firstBarrier: { checkpointId: 3, timestampMillis: 90, arrivedMillis: 100, processedBytes: 12 },
    });
    expect(testing.gate.processedBytes).toBe(24);
  });

  it("grants the credit at first, and again what was consumed", () => {
    const testing = new TestingGate(1);
    testing.gate.open();
    expect(testing.grants).toEqual([CHANNEL_CREDIT_BYTES]);
    testing.receive(0, batch(1), batch(2));
    testing.gate.poll();
    expect(testing.grants).toEqual([CHANNEL_CREDIT_BYTES]);
    testing.gate.poll();
    expect(testing.grants).toEqual([CHANNEL_CREDIT_BYTES + 24]);
    expect(testing.gate.peakChannelBytes).toBe(24);
  });

  it("lets a producer on the same host answer a grant at once with as much as it was granted", () => {
    let sequence = 0;
    const full = (bytes: number): void => {
      const batchOfAll = { version: 1, count: 1, byteLength: bytes, columns: [Int32Array.of(1)] };
      channel.receive({ sequence: sequence++, event: { kind: "batch", batch: batchOfAll } });
    };
    let answers = 0;
    const channel: InputChannel = new InputChannel(
      { id: { dataSet: brandId("d"), producer: brandId("p"), consumer: brandId("c") }, input: 0 },
      (bytes) => {
        if (answers++ < 3) full(bytes);
      },
    );
    channel.open();
    while (channel.poll() !== undefined);
    expect(answers).toBe(4);
    expect(channel.peakBytes).toBe(CHANNEL_CREDIT_BYTES);
  });

  it("fails on a missing message, a repeated one, and data without credit", () => {
    const testing = new TestingGate(1);
    const [channel] = testing.channels;
    expect(() => channel?.receive({ sequence: 1, event: END })).toThrow("expected message 0, got 1");
    channel?.receive({ sequence: 0, event: watermark(1) });
    expect(() => channel?.receive({ sequence: 0, event: END })).toThrow("expected message 1, got 0");
    const huge: ChannelEvent = {
      kind: "batch",
      batch: { version: 1, count: 1, byteLength: CHANNEL_CREDIT_BYTES + 1, columns: [Int32Array.of(1)] },
    };
    expect(() => channel?.receive({ sequence: 1, event: huge })).toThrow("more data than credit");
  });
});
