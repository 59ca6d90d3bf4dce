import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WireValue } from "../../../src/common/wire-value.ts";
import type { RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import {
  CallFrameEncoder,
  decodeCalls,
  decodeOutcomes,
  encodeOutcomes,
} from "../../../src/transport/http/call-frame.ts";
import type { IncomingCall, NumberedOutcome } from "../../../src/transport/http/call-frame.ts";
import { encodeFrame, FrameReader } from "../../../src/transport/http/frame.ts";
import { envelope } from "../../conformance/row.ts";
import { wireValues } from "../../common/wire-arbitraries.ts";

const LIMIT = 1_000_000;
const encode = (head: unknown, attached = new Uint8Array(0)): Uint8Array => {
  const text = typeof head === "string" ? head : JSON.stringify(head);
  const bytes = new TextEncoder().encode(text);
  const frame = new Uint8Array(8 + bytes.length + attached.length);
  new DataView(frame.buffer).setUint32(0, bytes.length, true);
  new DataView(frame.buffer).setUint32(4, attached.length, true);
  frame.set(bytes, 8);
  frame.set(attached, 8 + bytes.length);
  return frame;
};

/** A frame of one call, whose parts may be anything. */
function callFrame(args: unknown, meta?: unknown, lengths?: readonly number[], attached = 0): Uint8Array {
  const { id: _id, seq: _seq, remainingMillis: _left, args: _args, ...head } = envelope("a");
  return encode(
    { heads: [head], calls: [[0, "id", 1, null, args, ...(meta === undefined ? [] : [meta, lengths])]] },
    new Uint8Array(attached),
  );
}

function bytesMeta(): object {
  return { values: { "0": [["custom", "bytes"]] }, v: 1 };
}

const called = (...args: readonly unknown[]): RequestEnvelope => envelope("a", { args: args as readonly WireValue[] });

function framed(envelopes: readonly RequestEnvelope[]): Uint8Array {
  const encoder = new CallFrameEncoder();
  for (const call of envelopes) encoder.add(call, call.remainingMillis);
  return encoder.frame();
}

function argsOf(call: IncomingCall | undefined): unknown {
  if (call === undefined || call instanceof Error) throw new Error(`no call: ${String(call)}`);
  return call.args;
}

function reply(call: number, value: unknown): NumberedOutcome {
  const head = { version: 1, id: "", address: "", epoch: 1 as never, incarnation: 1 as never } as const;
  return [call, { kind: "reply", reply: { ...head, outcome: "value", value: value as WireValue } }];
}

function valueOf([call, outcome]: NumberedOutcome): readonly [number, unknown] {
  if (outcome.kind !== "reply" || outcome.reply.outcome !== "value") throw new Error("no value");
  return [call, outcome.reply.value];
}

describe("a frame", () => {
  it("gives every wire value back as it was, as an argument and as a result (Z0)", () => {
    fc.assert(
      fc.property(wireValues, wireValues, (first, second) => {
        const calls = decodeCalls(framed([called(first), called(second, 1)]));
        assert.deepStrictEqual(calls.map(argsOf), [[first], [second, 1]]);
        const outcomes = decodeOutcomes(encodeOutcomes([reply(7, first), reply(3, second)]));
        assert.deepStrictEqual(outcomes.map(valueOf), [
          [7, first],
          [3, second],
        ]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("gives calls back as they were, whatever they have in common", () => {
    const one = envelope("a", { method: "add", args: [1], epoch: 3 as never, trace: "00-1" });
    const sender = { address: "b", epoch: 1, incarnation: 2 } as never;
    const calls = [
      one,
      { ...one, id: "2" },
      { ...one, kind: "tell", sender } as const,
      { ...one, chain: ["x"], depth: 2 },
    ];
    expect(decodeCalls(framed([...calls, one]))).toEqual([...calls, one]);
  });

  it("tells what many calls have in common once", () => {
    const call = envelope("v1/-/test/probe/x", { method: "add", args: [1] });
    const [few, many] = [10, 110].map((count) => framed(Array.from({ length: count }, () => call)).byteLength);
    expect(((many ?? 0) - (few ?? 0)) / 100).toBeLessThan(60);
  });

  it("carries bytes as they are: a megabyte costs a megabyte, and nothing of it is text", () => {
    const bytes = new Uint8Array(1_048_576).fill(0xe9);
    const frame = framed([envelope("a", { args: [bytes, new Float64Array(bytes.buffer)] })]);
    expect(frame.byteLength).toBeLessThan(2 * bytes.byteLength + 400);
  });

  it("is found again however the body was cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.nat(64), { maxLength: 40 }),
        (values, cuts) => {
          const frames = values.map((value) => encodeFrame(JSON.stringify({ of: value.length }), [value]));
          const body = frames.flatMap((frame) => [...frame]);
          const reader = new FrameReader(LIMIT);
          const found: Uint8Array[] = [];
          for (let start = 0, turn = 0; start < body.length; turn += 1) {
            const end = start + 1 + (cuts[turn] ?? 7);
            const chunk = Uint8Array.from(body.slice(start, end));
            found.push(...reader.push(chunk).map((frame) => frame.slice()));
            start = end;
          }
          expect(found).toEqual(frames);
          expect(reader.complete).toBe(true);
        },
      ),
    );
  });

  it("that is longer than the limit is refused by its prefix", () => {
    const prefix = new Uint8Array(8);
    new DataView(prefix.buffer).setUint32(0, 0xffff_ffff, true);
    expect(() => new FrameReader(LIMIT).push(prefix)).toThrow(/4294967303 bytes, the limit is 1000000/);
  });

  it.each([
    ["no JSON", encode("{"), /head/],
    ["no UTF-8", encode("x").with(8, 0xff), /head/],
    ["no object", encode([1]), /head: expected an object/],
    ["no heads", encode({ calls: [] }), /heads: expected a list/],
    ["no calls", encode({ heads: [], calls: {} }), /calls: expected a list/],
    ["lengths that are none", callFrame([1], { values: {} }, [-1]), /attachments/],
    ["lengths beyond the bytes", callFrame([1], { values: {} }, [5], 4), /5 bytes are announced, 4/],
    ["bytes that nothing announces", callFrame([1], undefined, undefined, 4), /0 bytes are announced, 4/],
  ])("with %s is refused as a whole", (_what, bytes, message) => {
    expect(() => decodeCalls(bytes)).toThrow(expect.objectContaining({ code: "UNKNOWN_MESSAGE" }));
    expect(() => decodeCalls(bytes)).toThrow(message);
  });

  it.each([
    ["a meta that is none", [1], 3, [], /meta/],
    ["a class", [{}], { values: { "0": [["class", "Endpoint"]] }, v: 1 }, [], /value/],
    ["a marker without its bytes", [["Uint8Array", 3]], bytesMeta(), [], /no attachment 3/],
    ["bytes of no kind", [["Buffer", 0]], bytesMeta(), [1], /no kind of bytes is called Buffer/],
    ["a path to a prototype", [{}], { values: { "0.__proto__.x": ["Date"] }, v: 1 }, [], /value/],
    ["arguments that are no list", { 0: 1 }, undefined, undefined, /args: expected an array/],
  ])("with a call with %s has that call refused alone", (_what, args, meta, lengths, message) => {
    const size = (lengths ?? []).reduce((sum, length) => sum + length, 0);
    const [call] = decodeCalls(callFrame(args, meta, lengths, size));
    expect(call).toMatchObject({ code: "UNKNOWN_MESSAGE", message: expect.stringMatching(message) });
  });

  it("unfolds no references: a small message stays small", () => {
    const [call] = decodeCalls(callFrame([[1, 2], null], { referentialEqualities: { "0": ["1"] }, v: 1 }, []));
    expect(argsOf(call)).toEqual([[1, 2], null]);
  });
});
