import { decodeWireText } from "../../common/wire-text.ts";
import type { LogBase } from "../../rpc/message-log/log-base.ts";
import type { Answers, Cause, LoggedCause, StoredAnswers } from "../../rpc/message-log/log-entry.ts";
import type { StoredMessage } from "../../rpc/message-log/message-encoder.ts";
import type { StoredMessageLog } from "../../rpc/message-log/message-ring.ts";

/** One turn of an endpoint. */
export interface LogEntry {
  /** From 1, over all activations. */
  readonly number: number;
  /** What the clock showed. */
  readonly nowMillis: number;
  readonly cause: Cause;
  readonly answers: Answers;
  /** It threw this, and its writes were undone; memory was kept. */
  readonly failed?: string;
}

/** A message log, readable. */
export interface RecordedLog {
  readonly address: string;
  /** The turns that are kept, oldest first. */
  readonly entries: readonly LogEntry[];
  /** States that a replay can begin with, oldest first. */
  readonly bases: readonly RecordedBase[];
}

/** A state that a replay can begin with: that after the turn `after`. */
export interface RecordedBase extends LogBase {
  readonly after: number;
}

type StoredEntry = readonly [nowMillis: number, cause: LoggedCause | StoredMessage, answers?: StoredAnswers];

/** @throws SluiceException `SERIALIZATION` for what no message log wrote. */
export function readMessageLog({ address, bases, rows }: StoredMessageLog): RecordedLog {
  return {
    address,
    entries: rows.flatMap(({ first, entries }) =>
      // Written by the message log of this very format.
      (decodeWireText(entries, `message log of ${address}, turn ${first}`) as readonly StoredEntry[]).map(
        (stored, index) => entryOf(first + index, stored),
      ),
    ),
    bases: bases.map(({ after, content }) => ({
      ...(decodeWireText(content, `message log of ${address}, base ${after}`) as LogBase), // As above.
      after,
    })),
  };
}

function entryOf(number: number, [nowMillis, cause, answers]: StoredEntry): LogEntry {
  const { random = [], ids = [], timers = [], failed } = answers ?? {};
  return {
    number,
    nowMillis,
    cause: isMessage(cause) ? messageOf(cause, nowMillis) : cause,
    answers: { random, ids, timers },
    ...(failed === undefined ? {} : { failed }),
  };
}

function isMessage(cause: LoggedCause | StoredMessage): cause is StoredMessage {
  return Array.isArray(cause);
}

function messageOf(
  [method, args, remainingMillis, sender = null, trace = null]: StoredMessage,
  nowMillis: number,
): Cause {
  return {
    kind: "message",
    method,
    args,
    ...(sender === null ? {} : { sender }),
    ...(remainingMillis === null ? {} : { deadlineMillis: nowMillis + remainingMillis }),
    ...(trace === null ? {} : { trace }),
  };
}
