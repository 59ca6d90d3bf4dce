import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame, FrameReader } from "../../../src/transport/http/frame.ts";
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

describe("a frame", () => {
  it("gives every wire value back as it was (Z0)", () => {
    fc.assert(
      fc.property(wireValues, (value) => {
        const frame = decodeFrame(encodeFrame({ fields: { call: 1 }, value }));
        expect(frame.fields).toEqual({ call: 1 });
        assert.deepStrictEqual(frame.value, value);
      }),
      { numRuns: 2_000 },
    );
  });

  it("carries bytes as they are: a megabyte costs a megabyte, and nothing of it is text", () => {
    const bytes = new Uint8Array(1_048_576).fill(0xe9);
    const frame = encodeFrame({ fields: {}, value: [bytes, new Float64Array(bytes.buffer)] });
    expect(frame.byteLength).toBeLessThan(2 * bytes.byteLength + 300);
  });

  it("is found again however the body was cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.nat(64), { maxLength: 40 }),
        (values, cuts) => {
          const frames = values.map((value) => encodeFrame({ fields: {}, value }));
          const body = frames.flatMap((frame) => [...frame]);
          const reader = new FrameReader(LIMIT);
          const found: Uint8Array[] = [];
          for (let start = 0, turn = 0; start < body.length; turn += 1) {
            const end = start + 1 + (cuts[turn] ?? 7);
            found.push(...reader.push(Uint8Array.from(body.slice(start, end))));
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
    ["lengths that are none", encode({ value: 1, attachments: [-1] }), /attachments/],
    ["lengths beyond the bytes", encode({ value: 1, attachments: [5] }, new Uint8Array(4)), /5 bytes are announced, 4/],
    ["bytes that nothing announces", encode({ value: 1 }, new Uint8Array(4)), /0 bytes are announced, 4/],
    ["a meta that is none", encode({ value: 1, meta: 3 }), /meta/],
    ["a class", encode({ value: {}, meta: { values: [["class", "Endpoint"]], v: 1 } }), /value/],
    [
      "a marker without its bytes",
      encode({ value: ["Uint8Array", 3], meta: { values: [["custom", "bytes"]], v: 1 } }),
      /no attachment 3/,
    ],
    [
      "bytes of no kind",
      encode(
        { value: ["Buffer", 0], attachments: [1], meta: { values: [["custom", "bytes"]], v: 1 } },
        new Uint8Array(1),
      ),
      /no kind of bytes is called Buffer/,
    ],
    ["a path to a prototype", encode({ value: {}, meta: { values: { "__proto__.x": ["Date"] }, v: 1 } }), /value/],
  ])("with %s is refused", (_what, bytes, message) => {
    expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ code: "UNKNOWN_MESSAGE" }));
    expect(() => decodeFrame(bytes)).toThrow(message);
  });

  it("unfolds no references: a small message stays small", () => {
    const bomb = encode({ value: [[1, 2], null], meta: { referentialEqualities: { "0": ["1"] }, v: 1 } });
    expect(decodeFrame(bomb).value).toEqual([[1, 2], null]);
  });
});
