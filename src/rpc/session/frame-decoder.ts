import { isErrorData } from "../../common/exceptions.ts";
import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { UnknownMessageException } from "../exceptions.ts";
import type { Epoch, Incarnation } from "../fencing/epoch.ts";
import type { Answerer } from "../fencing/answerer.ts";
import type { OutgoingMessage } from "../ports/rpc-channel.ts";
import { parsedJson, parts } from "./plain-json.ts";
import { columnAt } from "./session-protocol.ts";
import type { Column, ReplyColumns, ReplyFrame } from "./session-protocol.ts";

export function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isSafeInteger);
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

/** Answers `message` by the frame of it alone. @returns the frame's number. @throws UnknownMessageException if it is none. */
export function readReply(text: string, message: OutgoingMessage): number {
  const fields = parts(parsedJson(text));
  const frame = fields[0];
  const epoch = fields[1];
  const incarnation = fields[2];
  if (!isInteger(frame)) throw malformed("frame");
  if (!isInteger(epoch)) throw malformed("epochs");
  if (!isInteger(incarnation)) throw malformed("incarnations");
  if (message.answered) return frame;
  message.answered = true;
  // Numbers of the callee's; JSON admits wire values only.
  message.replied({ epoch: epoch as Epoch, incarnation: incarnation as Incarnation }, fields[3] as WireValue);
  return frame;
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

/**
 * Answers messages by the replies of `frame`, in order.
 *
 * @param settled the messages that it settles, in order; undefined for one that was answered before, which only a
 *   frame that names its messages may settle.
 */
export function readFrame(frame: ReplyFrame, settled: readonly (OutgoingMessage | undefined)[]): void {
  const { epochs, incarnations } = frame;
  const values = parsedJson(frame.values);
  // All of it is looked at before the first message is answered.
  if (!Array.isArray(values)) throw malformed("values");
  if (!isColumnOf(epochs, settled.length)) throw malformed("epochs");
  if (!isColumnOf(incarnations, settled.length)) throw malformed("incarnations");
  const cloned =
    frame.clonedValues.length === 0 ? undefined : new Map(frame.clonedValues.map(([at, value]) => [at, value]));
  const errors = frame.errors.length === 0 ? undefined : new Map<number, ErrorData>(frame.errors);
  let by: Answerer | undefined;
  let valuesRead = 0;
  for (let position = 0; position < settled.length; position += 1) {
    const message = settled[position];
    // A tell is answered too, without a value.
    const valued = message !== undefined && message.head.kind !== "tell";
    const told: unknown = frame.settled !== null || valued ? values[valuesRead] : undefined;
    if (frame.settled !== null || valued) valuesRead += 1;
    if (message === undefined || message.answered) continue;
    const epoch = columnAt(epochs, position);
    const incarnation = columnAt(incarnations, position);
    if (epoch === undefined || incarnation === undefined) continue;
    if (by?.epoch !== epoch || by.incarnation !== incarnation) by = { epoch, incarnation };
    message.answered = true;
    const error = errors?.get(position);
    if (error !== undefined) message.refused(by, error);
    else if (!valued) message.replied(by, undefined);
    // JSON and the callee's check admit wire values only.
    else message.replied(by, cloned?.has(position) === true ? cloned.get(position) : (told as WireValue));
  }
}

function isColumnOf(column: Column<unknown>, count: number): boolean {
  return column.length === 1 || column.length >= count;
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed reply frame: ${what}`);
}
