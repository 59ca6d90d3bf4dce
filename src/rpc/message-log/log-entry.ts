import { fromErrorData, fromUnknown, toErrorData } from "../../common/exceptions.ts";
import type { ErrorData, SluiceException } from "../../common/exceptions.ts";
import { wireTextOf } from "../../common/wire-text.ts";
import { copyWireValue } from "../../common/wire-value.ts";
import type { SenderIdentity } from "../fencing/epoch.ts";
import type { TimerFiring } from "../timers/durable-timers.ts";

/** A continuation or a task, by the turn that made it and its place among those that this turn made. */
export type Origin = readonly [turn: number, nth: number];

/** What a wait was ended by. What no text can hold is told by what it is: replay cannot go on from there. */
export type LoggedOutcome =
  | { readonly value: unknown }
  | { readonly error: ErrorData }
  | { readonly unstorable: string };

/** What a handler may know of its message. */
export interface LoggedMessage {
  /** `Counter.increment`. */
  readonly method: string;
  readonly args: readonly unknown[];
  readonly sender?: SenderIdentity | undefined;
  readonly deadlineMillis?: number | undefined;
  readonly trace?: string | undefined;
}

/** Why a turn ran, with all that it was given. */
export type Cause =
  | { readonly kind: "start"; readonly recovered: boolean; readonly epoch: number; readonly incarnation: number }
  | (LoggedMessage & { readonly kind: "message" })
  | {
      readonly kind: "continuation";
      readonly origin: Origin;
      readonly outcome: LoggedOutcome;
      /** Why the result of the message that it serves was not wanted any more. */
      readonly cancelled?: ErrorData;
    }
  /** Posted or scheduled by an earlier turn; without an origin by code that was no turn, which replay cannot go past. */
  | { readonly kind: "task"; readonly origin: Origin | null }
  | { readonly kind: "timer"; readonly name: string; readonly payload: unknown; readonly firing: TimerFiring }
  | { readonly kind: "stop" }
  /** Too large to be kept. */
  | { readonly kind: "omitted"; readonly what: string; readonly characters: number };

/** Why a turn ran that serves no message. */
export type LoggedCause = Exclude<Cause, { readonly kind: "message" }>;

export interface PendingTimer {
  readonly name: string;
  readonly dueMillis: number;
}

interface AnswersByKind {
  readonly random: number;
  readonly ids: string;
  readonly timers: readonly PendingTimer[];
}

/** What a turn may ask its context for. */
export type AnswerKind = keyof AnswersByKind;
export type Answer<Kind extends AnswerKind> = AnswersByKind[Kind];

/** What a turn was told by its context, in the order of its questions. */
export type Answers = { readonly [Kind in AnswerKind]: Answer<Kind>[] };

/**
 * The beginning of an entry as it is stored, taken before the turn can change what it was given: `[nowMillis,cause`. A
 * message, which nearly all causes are, is an array: see {@link MessageEncoder}.
 */
export function encodeCause(cause: LoggedCause, nowMillis: number): string {
  return `[${nowMillis},${wireTextOf(cause)}`;
}

/** The end of an entry as it is stored, of a turn that asked for something or threw. */
export type StoredAnswers = Partial<Answers> & { readonly failed?: string };

export function encodeEntry(head: string, answers: Answers | undefined, failed: string | undefined): string {
  if (answers === undefined && failed === undefined) return `${head}]`;
  return `${head},${JSON.stringify({ ...answers, failed })}]`;
}

/** @param value what an ask's promise was fulfilled with. */
export function valueOutcome(value: unknown): LoggedOutcome {
  try {
    return { value: copyWireValue(value, "the awaited value") };
  } catch (error) {
    return { unstorable: fromUnknown(error).message };
  }
}

/** An exception as data, without its stacks. */
export function loggedError(error: SluiceException): ErrorData {
  const { stack: _stack, cause, ...data } = toErrorData(error);
  return cause === undefined ? data : { ...data, cause: loggedError(fromErrorData(cause)) };
}
