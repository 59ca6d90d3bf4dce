import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import type { Epoch, Incarnation } from "../fencing/epoch.ts";
import type { MessageHead } from "../ports/rpc-channel.ts";

/** Version of everything in this file; both sides of a session must speak the same. */
export const SESSION_VERSION = 1;

/** One value per message; a column of one stands for all messages of its batch. */
export type Column<T> = readonly T[];

/** What the messages of one turn have in common. */
export interface MessageCause {
  readonly depth: number;
  readonly chain: readonly string[];
  readonly trace: string | null;
}

/** Messages of one conversation in order, by columns: one batch is one event at the callee. */
export interface MessageBatch extends MessageColumns {
  /** JSON array of the messages' argument arrays. */
  readonly args: string;
  /** Arguments that JSON cannot carry, by position in the batch. */
  readonly clonedArgs: readonly (readonly [position: number, args: readonly WireValue[]])[];
}

/** All of a batch but its arguments. */
export interface MessageColumns {
  /** How many messages. */
  readonly count: number;
  /** Their rising numbers in the conversation; one number begins a run without gaps. */
  readonly numbers: readonly number[];
  /** Numbers of the reply frames that have arrived since the last batch. */
  readonly received: readonly number[];
  /** What messages have in common: told once per session, then named by its position. */
  readonly newHeads: readonly MessageHead[];
  readonly heads: Column<number>;
  /** Tails of the ids; one number begins a run without gaps. */
  readonly ids: readonly number[];
  readonly remainingMillis: Column<number | null>;
  readonly causes: readonly MessageCause[];
  readonly cause: Column<number>;
  /** Messages that may have run in `instance` and must not run in any other. */
  readonly onlyIn?: { readonly instance: string; readonly numbers: readonly number[] };
}

/** Opens a session, or another one of a conversation that goes on; the first batch rides along. */
export interface OpenRequest {
  readonly version: typeof SESSION_VERSION;
  /** Unique; what one caller says to one callee, over sessions that follow each other. */
  readonly conversation: string;
  readonly batch: PackedBatch;
}

/**
 * A batch as it travels, its columns as a JSON array in the order of {@link MessageColumns}: platforms carry a few strings
 * far faster than the same in many objects.
 */
export type PackedBatch = readonly [columns: string, args: string, clonedArgs?: MessageBatch["clonedArgs"]];

/**
 * A batch of one message that says nothing new, as most are when calls are made one at a time: its head was told in this
 * session, nobody waits for its caller, and no more than one frame has arrived since the last batch. A JSON array
 * `[number, head, id, remainingMillis, depth, received, args]`.
 */
export type PackedMessage = string;

/** The frame of one message that gave a value JSON can carry, or none: `[frame, epoch, incarnation, value?]`. */
export type PackedReply = string;

/** Replies that are settled. Whatever a batch carried and its frame does not name is answered by a later frame. */
export interface ReplyFrame extends ReplyColumns {
  /**
   * JSON array of values: one for each settled message, or, if all of a batch is settled, for each that is no tell. Null
   * stands where there is no value or JSON cannot carry it.
   */
  readonly values: string;
  /** Values that JSON cannot carry, by position among the settled; a missing second member is `undefined`. */
  readonly clonedValues: readonly (readonly [position: number, value?: WireValue])[];
}

/** A frame as it travels, its columns as a JSON array in the order of {@link ReplyColumns}. */
export type PackedFrame = readonly [columns: string, values: string, clonedValues?: ReplyFrame["clonedValues"]];

/** All of a frame but its values. */
export interface ReplyColumns {
  readonly frame: number;
  /** Numbers of the messages that are answered; null for all of the batch, in order. */
  readonly settled: readonly number[] | null;
  readonly epochs: Column<Epoch>;
  readonly incarnations: Column<Incarnation>;
  readonly errors: readonly (readonly [position: number, error: ErrorData])[];
}

/** What the callee offers to the holder of a session, beside its batches. */
export interface Session {
  /** Answers when something is settled that no frame has told, or nothing is open any more. */
  replies(received: readonly number[]): PackedFrame | Promise<PackedFrame>;
}

/** What opening answers with. */
export interface OpenReply<S extends Session = Session> {
  readonly session: S;
  /**
   * Takes a {@link PackedBatch} or {@link PackedMessage} of the session; answers with what it has settled at once, and what
   * else is settled by then. Not a method: platforms call a function that was passed by itself faster.
   */
  readonly batch: (batch: unknown) => PackedFrame | PackedReply | Promise<PackedFrame>;
  /** Names this life of the callee's memory. */
  readonly instance: string;
  readonly frame: PackedFrame;
}

/** `values`, or one of them if they are all the same. */
export function columnOf<T>(values: readonly T[]): Column<T> {
  const [first] = values;
  for (let index = 1; index < values.length; index += 1) if (values[index] !== first) return values;
  return values.slice(0, 1);
}

export function columnAt<T>(column: Column<T>, index: number): T | undefined {
  return column.length === 1 ? column[0] : column[index];
}

/** `numbers`, or the first of them if each is one more than the one before. */
export function runOf(numbers: readonly number[]): readonly number[] {
  for (let index = 1; index < numbers.length; index += 1) {
    if (numbers[index] !== (numbers[index - 1] ?? 0) + 1) return numbers;
  }
  return numbers.slice(0, 1);
}

export function runAt(run: readonly number[], index: number): number | undefined {
  return run.length === 1 ? (run[0] ?? 0) + index : run[index];
}
