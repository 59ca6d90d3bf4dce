import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { columnOf } from "./session-protocol.ts";
import type { PackedFrame } from "./session-protocol.ts";
import type { SessionRequest } from "./session-request.ts";

/** @param all whether `settled` is all that a batch carried, in its order. */
export function encodeFrame(frame: number, settled: readonly SessionRequest[], all: boolean): PackedFrame {
  const numbers: number[] = [];
  const epochs: number[] = [];
  const incarnations: number[] = [];
  const values: string[] = [];
  const clonedValues: (readonly [number, WireValue?])[] = [];
  const errors: (readonly [number, ErrorData])[] = [];
  for (let position = 0; position < settled.length; position += 1) {
    const request = settled[position];
    if (request === undefined) continue;
    const { number, valued, json, value, error, epoch, incarnation } = request;
    if (!all) numbers.push(number);
    epochs.push(epoch);
    incarnations.push(incarnation);
    if (error !== undefined) errors.push([position, error]);
    else if (valued && json === undefined) clonedValues.push(value === undefined ? [position] : [position, value]);
    if (valued || !all) values.push(json ?? "null");
  }
  const columns = [frame, all ? null : numbers, columnOf(epochs), columnOf(incarnations), errors];
  const packed = [JSON.stringify(columns), `[${values.join(",")}]`] as const;
  return clonedValues.length === 0 ? packed : [...packed, clonedValues];
}
