import { isErrorData } from "../../common/exceptions.ts";
import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { UnknownMessageException } from "../exceptions.ts";
import type { Epoch, Incarnation, SenderIdentity } from "../fencing/epoch.ts";

/**
 * Envelope version 1, frozen: a field is never changed, added or removed; what must change becomes version 2, and both
 * are read for one release. Plain data on every transport.
 */
export const ENVELOPE_VERSION = 1;

/**
 * `handshake` asks for the endpoint's identity and whether it serves the gateway; it has no method. `cancel` says that the
 * result of the ask with the same id is not wanted any more; it has no arguments, and its answer says nothing.
 */
export type MessageKind = "ask" | "tell" | "handshake" | "cancel";

export interface RequestEnvelope {
  readonly version: typeof ENVELOPE_VERSION;
  readonly kind: MessageKind;
  /** Unique among all requests of its sender; part of `chain` of what it causes. */
  readonly id: string;
  /** Address of the callee. */
  readonly endpoint: string;
  readonly gateway: string;
  readonly gatewayVersion: number;
  readonly method: string;
  readonly args: readonly WireValue[];
  /** Binary parts that `args` refers to, on transports whose head is text; empty where values are cloned. */
  readonly attachments: readonly ArrayBuffer[];
  /** The callee's epoch as the caller knows it: its fencing token. */
  readonly epoch: Epoch | null;
  /** The calling endpoint; null for a caller that is none. */
  readonly sender: SenderIdentity | null;
  /** Position among the requests of one sender's activation to one callee, from 1. */
  readonly seq: number;
  /** How long the caller goes on waiting; null for ever. */
  readonly remainingMillis: number | null;
  /** Hops from the root event, this one included. */
  readonly depth: number;
  /** Ids of the requests whose handlers wait for this one, outermost first. */
  readonly chain: readonly string[];
  readonly trace: string | null;
}

/**
 * The answer to one request. A tell is answered too, without a value, once its turn begins: that is how the transport
 * learns that it was refused; the caller does not wait for it.
 */
export type ReplyEnvelope = {
  readonly version: typeof ENVELOPE_VERSION;
  /** The request's. */
  readonly id: string;
  /** Who answers. */
  readonly address: string;
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
} & (
  | { readonly outcome: "value"; readonly value: WireValue }
  | { readonly outcome: "error"; readonly error: ErrorData }
);

/** What a handshake is answered with. */
export interface HandshakeReply {
  /** The highest version of the gateway that both sides speak. */
  readonly gatewayVersion: number;
}

/**
 * Checks what arrived at an endpoint's border.
 *
 * @throws UnknownMessageException naming the field and what was found; nothing malformed reaches a handler.
 */
export function parseRequestEnvelope(value: unknown): RequestEnvelope {
  const envelope = record(value, "request");
  const field = fieldReader("request", envelope);
  if (envelope["version"] !== ENVELOPE_VERSION) throw malformed("request", "version", "1", envelope["version"]);
  const kind = envelope["kind"];
  if (kind !== "ask" && kind !== "tell" && kind !== "handshake" && kind !== "cancel")
    throw malformed("request", "kind", "ask, tell, handshake or cancel", kind);
  return {
    version: ENVELOPE_VERSION,
    kind,
    id: field("id", isName, "a non-empty string"),
    endpoint: field("endpoint", isName, "a non-empty string"),
    gateway: field("gateway", isName, "a non-empty string"),
    gatewayVersion: field("gatewayVersion", isPositive, "a positive integer"),
    method: field("method", isString, "a string"),
    args: field("args", isWireArray, "an array"),
    attachments: field("attachments", isBufferArray, "an array of ArrayBuffers"),
    epoch: field("epoch", isEpochOrNull, "a positive integer or null"),
    sender: field("sender", isSenderOrNull, "an endpoint's address, epoch and incarnation, or null"),
    seq: field("seq", isPositive, "a positive integer"),
    remainingMillis: field("remainingMillis", isRemaining, "a finite number or null"),
    depth: field("depth", isPositive, "a positive integer"),
    chain: field("chain", isStringArray, "an array of strings"),
    trace: field("trace", isStringOrNull, "a string or null"),
  };
}

/** @throws UnknownMessageException as {@link parseRequestEnvelope}. */
export function parseReplyEnvelope(value: unknown): ReplyEnvelope {
  const envelope = record(value, "reply");
  const field = fieldReader("reply", envelope);
  if (envelope["version"] !== ENVELOPE_VERSION) throw malformed("reply", "version", "1", envelope["version"]);
  const head = {
    version: ENVELOPE_VERSION,
    id: field("id", isString, "a string"),
    address: field("address", isString, "a string"),
    epoch: field("epoch", isEpoch, "a positive integer"),
    incarnation: field("incarnation", isIncarnation, "a non-negative integer"),
  } as const;
  if (envelope["outcome"] === "error")
    return { ...head, outcome: "error", error: field("error", isErrorData, "error data") };
  if (envelope["outcome"] !== "value") throw malformed("reply", "outcome", "value or error", envelope["outcome"]);
  return { ...head, outcome: "value", value: field("value", isWireValue, "a value") };
}

type Fields = Readonly<Record<string, unknown>>;
type Guard<T> = (value: unknown) => value is T;

function record(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UnknownMessageException(`malformed ${what}: expected an envelope, got ${describe(value)}`);
  }
  return { ...value };
}

function fieldReader(what: string, envelope: Fields): <T>(name: string, guard: Guard<T>, expected: string) => T {
  return (name, guard, expected) => {
    const value = envelope[name];
    if (!guard(value)) throw malformed(what, name, expected, value);
    return value;
  };
}

function malformed(
  what: string,
  name: string,
  ...[expected, found]: readonly [string, unknown]
): UnknownMessageException {
  return new UnknownMessageException(`malformed ${what}: ${name}: expected ${expected}, got ${describe(found)}`);
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : typeof value;
}

const isString = (value: unknown): value is string => typeof value === "string";
const isName = (value: unknown): value is string => isString(value) && value !== "";
const isStringOrNull = (value: unknown): value is string | null => value === null || isString(value);
const isPositive = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1;
const isEpoch = (value: unknown): value is Epoch => isPositive(value);
const isEpochOrNull = (value: unknown): value is Epoch | null => value === null || isPositive(value);
const isIncarnation = (value: unknown): value is Incarnation => Number.isSafeInteger(value) && Number(value) >= 0;
const isRemaining = (value: unknown): value is number | null => value === null || Number.isFinite(value);
const isStringArray = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);
const isBufferArray = (value: unknown): value is ArrayBuffer[] =>
  Array.isArray(value) && value.every((part) => part instanceof ArrayBuffer);
// The sender checked the values against the closed list, and the transport carries no others.
const isWireArray = (value: unknown): value is WireValue[] => Array.isArray(value);
const isWireValue = (value: unknown): value is WireValue => typeof value !== "function" && typeof value !== "symbol";

function isSenderOrNull(value: unknown): value is SenderIdentity | null {
  if (value === null) return true;
  if (typeof value !== "object") return false;
  const sender: Partial<Record<keyof SenderIdentity, unknown>> = value ?? {};
  return isName(sender.address) && isPositive(sender.epoch) && isIncarnation(sender.incarnation);
}
