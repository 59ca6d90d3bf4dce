import { isErrorData } from "../../common/exceptions.ts";
import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { ENVELOPE_VERSION } from "../envelope/v1.ts";
import type { MessageKind, ReplyEnvelope } from "../envelope/v1.ts";
import { UnknownMessageException } from "../exceptions.ts";
import { parsedJson, parts } from "./plain-json.ts";
import { columnAt } from "./session-protocol.ts";
import type { ReplyColumns, ReplyFrame } from "./session-protocol.ts";

/** A message that a frame may answer, as its caller knows it. */
export interface AnsweredMessage {
  readonly envelope: { readonly id: string; readonly kind: MessageKind; readonly endpoint: string };
}

export function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isSafeInteger);
}

/** Whether a message is answered with a value: a tell is answered too, without one. */
export function isValued(kind: MessageKind): boolean {
  return kind !== "tell";
}

/** Checks the parts of a frame that its reader relies on. @throws UnknownMessageException naming the field. */
export function parseFrame(value: unknown): ReplyFrame {
  const [columns, values, clonedValues = []] = parts(value);
  const [frame, settled, epochs, incarnations, errors] = parts(parsedJson(columns));
  const fields = { frame, settled, epochs, incarnations, errors };
  if (!Number.isSafeInteger(fields.frame)) throw malformed("frame");
  if (fields.settled !== null && !isIntegers(fields.settled)) throw malformed("settled");
  if (!isIntegers(fields.epochs)) throw malformed("epochs");
  if (!isIntegers(fields.incarnations)) throw malformed("incarnations");
  if (typeof values !== "string") throw malformed("values");
  if (!Array.isArray(clonedValues)) throw malformed("clonedValues");
  if (!Array.isArray(fields.errors) || !fields.errors.every((entry) => Array.isArray(entry) && isErrorData(entry[1])))
    throw malformed("errors");
  // Each field was looked at.
  return { ...(fields as ReplyColumns), values, clonedValues };
}

/**
 * Hands each reply of `frame` to `settle`, in order.
 *
 * @param answered the messages that it settles, in order; undefined for one that was answered before, which only a
 *   frame that names its messages may settle.
 */
export function readFrame<M extends AnsweredMessage>(
  frame: ReplyFrame,
  answered: readonly (M | undefined)[],
  settle: (message: M, reply: ReplyEnvelope) => void,
): void {
  const values = parsedJson(frame.values);
  if (!Array.isArray(values)) throw malformed("values");
  const cloned = new Map(frame.clonedValues.map((entry) => [entry[0], entry[1]]));
  const errors = new Map<number, ErrorData>(frame.errors);
  let valuesRead = 0;
  for (let position = 0; position < answered.length; position += 1) {
    const message = answered[position];
    const valued = frame.settled !== null || (message !== undefined && isValued(message.envelope.kind));
    const json: unknown = valued ? values[valuesRead] : undefined;
    if (valued) valuesRead += 1;
    if (message === undefined) continue;
    const epoch = columnAt(frame.epochs, position);
    const incarnation = columnAt(frame.incarnations, position);
    if (epoch === undefined || incarnation === undefined) throw malformed("epochs");
    const { id, endpoint } = message.envelope;
    const head = { version: ENVELOPE_VERSION, id, address: endpoint, epoch, incarnation } as const;
    const error = errors.size === 0 ? undefined : errors.get(position);
    if (error !== undefined) settle(message, { ...head, outcome: "error", error });
    else {
      // JSON and the callee's check admit wire values only.
      const value = cloned.size > 0 && cloned.has(position) ? cloned.get(position) : (json as WireValue);
      settle(message, { ...head, outcome: "value", value: isValued(message.envelope.kind) ? value : undefined });
    }
  }
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed reply frame: ${what}`);
}
