import { describe, expect, it } from "vitest";
import { BarrierAligner, type ArrivedBarrier } from "../../../src/streaming/network/barrier-aligner.ts";

const barrier = (checkpointId: number): ArrivedBarrier => ({
  checkpointId,
  timestampMillis: checkpointId * 1_000,
  arrivedMillis: checkpointId * 1_000 + 5,
  processedBytes: 0,
});
const aligned = (checkpointId: number) => ({ kind: "aligned", checkpointId, firstBarrier: barrier(checkpointId) });

describe("BarrierAligner", () => {
  it("CP-28 blocks a channel from its barrier until all channels delivered", () => {
    const aligner = new BarrierAligner(3);
    expect(aligner.barrier(1, barrier(1))).toEqual([]);
    expect([0, 1, 2].map((channel) => aligner.isBlocked(channel))).toEqual([false, true, false]);
    expect(aligner.barrier(0, barrier(1))).toEqual([]);
    expect(aligner.barrier(2, barrier(1))).toEqual([aligned(1)]);
    expect([0, 1, 2].map((channel) => aligner.isBlocked(channel))).toEqual([false, false, false]);
  });

  it("CP-28 completes at once with a single channel", () => {
    expect(new BarrierAligner(1).barrier(0, barrier(4))).toEqual([aligned(4)]);
  });

  it("CP-28 counts a channel past its end of data as delivered, whether it ended before or during alignment", () => {
    const aligner = new BarrierAligner(3);
    aligner.endOfData(0);
    expect(aligner.barrier(1, barrier(1))).toEqual([]);
    expect(aligner.endOfData(2)).toEqual([aligned(1)]);
    expect(aligner.barrier(0, barrier(1))).toEqual([]);
    expect(aligner.barrier(1, barrier(2))).toEqual([aligned(2)]);
  });

  it("CP-28 a higher id aborts the current alignment and unblocks its channels", () => {
    const aligner = new BarrierAligner(3);
    aligner.barrier(0, barrier(1));
    aligner.barrier(1, barrier(1));
    expect(aligner.barrier(2, barrier(2))).toEqual([{ kind: "superseded", checkpointId: 1, by: 2 }]);
    expect([0, 1, 2].map((channel) => aligner.isBlocked(channel))).toEqual([false, false, true]);
    aligner.barrier(0, barrier(2));
    expect(aligner.barrier(1, barrier(2))).toEqual([aligned(2)]);
  });

  it("CP-28 a cancel marker aborts, and later barriers of that id are ignored", () => {
    const aligner = new BarrierAligner(2);
    aligner.barrier(0, barrier(3));
    expect(aligner.cancel(3)).toEqual([{ kind: "canceled", checkpointId: 3 }]);
    expect(aligner.isBlocked(0)).toBe(false);
    expect(aligner.barrier(1, barrier(3))).toEqual([]);
    expect(aligner.isBlocked(1)).toBe(false);
    expect(aligner.cancel(3)).toEqual([]);
  });

  it("CP-28 a cancel marker of a higher id aborts the current one too, of a lower id nothing", () => {
    const aligner = new BarrierAligner(2);
    aligner.barrier(0, barrier(3));
    expect(aligner.cancel(2)).toEqual([]);
    expect(aligner.isBlocked(0)).toBe(true);
    expect(aligner.cancel(4)).toEqual([
      { kind: "superseded", checkpointId: 3, by: 4 },
      { kind: "canceled", checkpointId: 4 },
    ]);
    expect(aligner.isBlocked(0)).toBe(false);
  });

  it("CP-22 ignores barriers not above the last one handled", () => {
    const aligner = new BarrierAligner(2);
    aligner.barrier(0, barrier(5));
    aligner.barrier(1, barrier(5));
    expect(aligner.barrier(0, barrier(5))).toEqual([]);
    expect(aligner.barrier(1, barrier(4))).toEqual([]);
    expect([0, 1].map((channel) => aligner.isBlocked(channel))).toEqual([false, false]);
    expect(aligner.lastHandledCheckpointId).toBe(5);
  });

  it("CP-22 ignores a lower id during an alignment", () => {
    const aligner = new BarrierAligner(2);
    aligner.barrier(0, barrier(5));
    expect(aligner.barrier(1, barrier(4))).toEqual([]);
    expect(aligner.barrier(1, barrier(5))).toEqual([aligned(5)]);
  });

  it("takes what its task handled itself as handled", () => {
    const aligner = new BarrierAligner(2);
    aligner.barrier(0, barrier(6));
    aligner.handled(6);
    expect(aligner.isBlocked(0)).toBe(false);
    expect(aligner.barrier(1, barrier(6))).toEqual([]);
  });
});
