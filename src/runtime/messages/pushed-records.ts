/** Records that somebody sends to a source of a job. */
export interface PushedRecords {
  /** One JSON value per line, no blank ones, without a newline at the end. */
  readonly bytes: Uint8Array;
  readonly records: number;
  /** With it a repeat is known as such. */
  readonly producer?: Producer;
}

/** Who sent a batch, and its place among what they sent: higher with every batch, gaps allowed. */
export interface Producer {
  readonly id: string;
  readonly sequence: number;
}

export type PushOutcome =
  | { readonly kind: "accepted" }
  /** A batch of this sequence or a later one was accepted before; nothing was stored now. */
  | { readonly kind: "duplicate" }
  | RefusedRecord;

/** One of the records is none of the source's; nothing was stored, and never will be. */
export interface RefusedRecord {
  readonly kind: "refused";
  /** From 0. */
  readonly record: number;
  readonly reason: string;
}

const BATCH_DIGITS = 12;

/** Where a batch lies, as tasks name it: a line about its sender, then its records. Batches are numbered from 0. */
export function inletKey(inlet: string, batch: number): string {
  return `inlet/${inlet}/${String(batch).padStart(BATCH_DIGITS, "0")}`;
}
