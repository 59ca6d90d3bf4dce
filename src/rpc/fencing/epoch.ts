import type { Branded } from "../../common/ids.ts";

/**
 * Leadership of one endpoint, as a number that only rises: by takeover, or when memory that peers rely on was lost.
 * The fencing token of a fenced endpoint is its epoch (Flink `JobMasterId` and its like, made ordered).
 */
export type Epoch = Branded<number, "Epoch">;

/** One life of an endpoint's memory: stored, and raised at every activation before the first reply. */
export type Incarnation = Branded<number, "Incarnation">;

/** Who sent a message or a reply. A receiver keeps the highest pair per sender and refuses lower ones. */
export interface SenderIdentity {
  readonly address: string;
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
}

/** Orders pairs: epoch first, then incarnation. Negative, zero or positive, as in a sort. */
export function compareIdentity(
  left: Pick<SenderIdentity, "epoch" | "incarnation">,
  right: Pick<SenderIdentity, "epoch" | "incarnation">,
): number {
  return left.epoch - right.epoch || left.incarnation - right.incarnation;
}
