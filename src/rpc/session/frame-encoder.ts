import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import type { ReplyEnvelope } from "../envelope/v1.ts";
import type { Epoch, Incarnation } from "../fencing/epoch.ts";
import { clonedBytes, jsonBytes, plainJson } from "./plain-json.ts";
import { columnOf } from "./session-protocol.ts";
import type { PackedFrame } from "./session-protocol.ts";

/** What a reply without a value counts as. */
const SMALL = 16;

/** A message's answer, on its way back. */
export interface SettledMessage {
  readonly number: number;
  /** Whether its caller waits for a value. */
  readonly valued: boolean;
  readonly reply: ReplyEnvelope;
  /** The value as JSON; undefined if it has to be cloned, or is none. */
  readonly json: string | undefined;
  /** About how large it is in a frame. */
  readonly bytes: number;
}

/** Looks at a reply once: what is not JSON is cloned. */
export function settledMessage(number: number, valued: boolean, reply: ReplyEnvelope): SettledMessage {
  if (!valued || reply.outcome === "error") return { number, valued, reply, json: undefined, bytes: SMALL };
  const json = plainJson(reply.value);
  return { number, valued, reply, json, bytes: json === undefined ? clonedBytes(reply.value) : jsonBytes(json) };
}

/** @param all whether `settled` is all that a batch carried, in its order. */
export function encodeFrame(frame: number, settled: readonly SettledMessage[], all: boolean): PackedFrame {
  const numbers: number[] = [];
  const epochs: Epoch[] = [];
  const incarnations: Incarnation[] = [];
  const values: string[] = [];
  const clonedValues: (readonly [number, WireValue?])[] = [];
  const errors: (readonly [number, ErrorData])[] = [];
  for (let position = 0; position < settled.length; position += 1) {
    const message = settled[position];
    if (message === undefined) continue;
    const { number, valued, reply, json } = message;
    if (!all) numbers.push(number);
    epochs.push(reply.epoch);
    incarnations.push(reply.incarnation);
    if (reply.outcome === "error") errors.push([position, reply.error]);
    else if (valued && json === undefined) {
      clonedValues.push(reply.value === undefined ? [position] : [position, reply.value]);
    }
    if (valued || !all) values.push(json ?? "null");
  }
  const columns = [frame, all ? null : numbers, columnOf(epochs), columnOf(incarnations), errors];
  const packed = [JSON.stringify(columns), `[${values.join(",")}]`] as const;
  return clonedValues.length === 0 ? packed : [...packed, clonedValues];
}
