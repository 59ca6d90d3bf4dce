import { describe, expect, it } from "vitest";
import { copyWireValue, MAX_WIRE_DEPTH } from "../../../src/common/wire-value.ts";
import { SessionRequest } from "../../../src/rpc/session/session-request.ts";
import { SessionWorld } from "./session-world.ts";

function outcomeOf(capture: () => unknown, refusal: (error: Error) => unknown): unknown {
  try {
    return { value: capture() };
  } catch (error) {
    return refusal(error as Error);
  }
}

/** What is captured, or why it is refused. */
function captured(capture: () => unknown): unknown {
  return outcomeOf(capture, (error) => ({ name: error.name, message: error.message }));
}

/** What the wire's checker has instead. */
function checked(value: unknown, path: string): unknown {
  return outcomeOf(
    () => copyWireValue(value, path),
    ({ message }) => ({ name: "SerializationException", message }),
  );
}

class Sub extends Array<number> {}

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;
const arrayOf = (more: object): unknown[] => Object.assign([1], more);

/** Of which JSON alone would make something else than the wire's checker does. */
const values: Readonly<Record<string, () => unknown>> = {
  "a symbol as key": () => ({ [Symbol("s")]: 1, a: 1 }),
  "a symbol as key that is not enumerable": () => Object.defineProperty({ a: 1 }, Symbol("s"), { value: 1 }),
  "a getter": () => ({
    get a() {
      return 5;
    },
  }),
  "a getter that throws": () => ({
    get a() {
      throw new RangeError("not now");
    },
  }),
  "toJSON of an object": () => ({ toJSON: () => 7 }),
  "toJSON of an object that is not enumerable": () => Object.defineProperty({ a: 1 }, "toJSON", { value: () => 7 }),
  "toJSON of an array": () => arrayOf({ toJSON: () => 7 }),
  "toJSON of an array within": () => ({ a: arrayOf({ toJSON: () => 7 }) }),
  "an array with other members": () => arrayOf({ more: () => 7 }),
  "a hole": () => Object.assign(Array.from({ length: 0 }), { 0: 1, 2: 3 }),
  "undefined members": () => ({ a: undefined, b: [undefined] }),
  "a negative zero": () => [-0, { a: -0 }],
  "NaN and infinities": () => [Number.NaN, { a: Number.POSITIVE_INFINITY }],
  "a key named __proto__": () => JSON.parse('{"__proto__":{"a":1},"b":2}') as unknown,
  "an array of a subclass": () => Sub.from([1, 2]),
  "an object without prototype": () => Object.setPrototypeOf({ a: 1 }, null) as unknown,
  "an object that poses as an array": () => Object.create(Array.prototype) as unknown,
  "a boxed number": () => new Number(1),
  "a function": () => ({ a: () => 1 }),
  "an object that contains itself": () => cyclic,
  "as deep as may be": () => nested(MAX_WIRE_DEPTH - 2),
  "too deep": () => nested(MAX_WIRE_DEPTH + 1),
  "half a surrogate pair": () => "\u{d800}",
};

describe("a value that travels as JSON", () => {
  it.each(Object.keys(values))("arrives as the wire's checker has it, or is refused alike: %s (P1, Z8)", (name) => {
    const value = values[name]?.();
    const { channel } = new SessionWorld();
    const sent = captured(() => {
      const args = channel.capture([value], () => "Echo.echo");
      return typeof args === "string" ? (JSON.parse(args) as unknown) : args.values;
    });
    expect(sent).toEqual(checked([value], "Echo.echo argument"));
    const answered = captured(() => {
      const request = new SessionRequest("echo/x", undefined as never, { number: 1 } as never);
      request.capture(value, "Echo.echo");
      return request.json === undefined ? request.value : (JSON.parse(request.json) as unknown);
    });
    expect(answered).toEqual(checked(value, "result of Echo.echo"));
  });
});
