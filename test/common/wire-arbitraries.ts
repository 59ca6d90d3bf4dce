import fc from "fast-check";

fc.configureGlobal({ seed: 20_261_124 });

const typedArray: fc.Arbitrary<unknown> = fc.oneof(
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, -0, Number.NaN, Number.NEGATIVE_INFINITY),
  fc.boolean(),
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: "binary" }),
  fc.date(),
  typedArray,
  fc.uint8Array().map((bytes) => new Uint8Array(bytes).buffer),
);

const key = fc.oneof(fc.string(), fc.constantFrom("$", "v", "__proto__", "constructor", "toString", "then"));

/** Every kind of wire value, nested, with the keys that break naive codecs. */
export const wireValues: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).value;
