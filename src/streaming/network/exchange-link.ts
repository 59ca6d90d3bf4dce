import type { ExecutionAttemptID, IntermediateDataSetID } from "../../common/ids.ts";
import type { CheckpointOptions } from "../../runtime/messages/checkpoint-messages.ts";
import type { RecordBatch } from "./record-batch.ts";

/** One producer subtask's stream to one consumer subtask; attempts are part of it, so a restart never meets the past. */
export interface ChannelId {
  readonly dataSet: IntermediateDataSetID;
  readonly producer: ExecutionAttemptID;
  readonly consumer: ExecutionAttemptID;
}

/** Equal for equal channels. */
export function channelKey(channel: ChannelId): string {
  return `${channel.dataSet}/${channel.producer}/${channel.consumer}`;
}

/** What flows in a channel, in this order and in band (Flink `StreamElement` and channel events). */
export type ChannelEvent =
  | { readonly kind: "batch"; readonly batch: RecordBatch }
  | { readonly kind: "watermark"; readonly watermark: number }
  | {
      readonly kind: "barrier";
      readonly checkpointId: number;
      readonly timestampMillis: number;
      /** Absent: an ordinary checkpoint. */
      readonly options?: CheckpointOptions;
    }
  /** The checkpoint was aborted: its barrier will not come (Flink `CancelCheckpointMarker`). */
  | { readonly kind: "cancel-barrier"; readonly checkpointId: number }
  /** No record and no watermark follows; barriers may. */
  | { readonly kind: "end-of-data" };

/** An event with its number in the channel, from 0 without gaps. */
export interface ChannelMessage {
  readonly sequence: number;
  readonly event: ChannelEvent;
}

export interface ChannelDelivery {
  readonly channel: ChannelId;
  readonly messages: readonly ChannelMessage[];
}

/** The consumer has room for `bytes` more. */
export interface CreditGrant {
  readonly channel: ChannelId;
  readonly bytes: number;
}

/** Everything a host has for another at one moment. */
export interface ExchangeFlush {
  readonly deliveries: readonly ChannelDelivery[];
  readonly grants: readonly CreditGrant[];
}

/**
 * What a task host offers its peers, and all it offers. The sender keeps at most one call in flight, so messages of a channel
 * arrive in order. Arguments are plain data far below the 32 MiB of a Workers RPC call. A rejection means that the link
 * is broken: what was sent is in doubt, and the tasks on both sides of its channels must end.
 */
export interface ExchangeLink {
  /** Processes the messages before it returns. @returns credits for the sender's producers that came out of it. */
  deliver(flush: ExchangeFlush): Promise<readonly CreditGrant[]>;
  /** Grants alone. */
  credit(grants: readonly CreditGrant[]): Promise<void>;
}

/** Most bytes a channel holds at its consumer, in flight included; the first grant of every channel. */
export const CHANNEL_CREDIT_BYTES = 128 * 1024;
/** A batch leaves when it has reached this size; one record more never exceeds the credit. */
export const BATCH_TARGET_BYTES = 32 * 1024;
/** Greatest record that can cross between tasks. */
export const MAX_RECORD_BYTES = CHANNEL_CREDIT_BYTES - BATCH_TARGET_BYTES;
