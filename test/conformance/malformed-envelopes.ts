import fc from "fast-check";
import type { RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import { envelope } from "./row.ts";

/** Values that a transport carries and that stand for anything. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, "", "ask", 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60),
  fc.string(),
  fc.double(),
  fc.bigInt(),
  fc.array(fc.anything({ maxDepth: 1 }), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.anything({ maxDepth: 1 }), { maxKeys: 3, noNullPrototype: true }),
);
const notA = (type: string) => anything.filter((value) => typeof value !== type);
const notAName = fc.oneof(fc.constant(""), notA("string"));
const notPositive = anything.filter((value) => !(Number.isSafeInteger(value) && Number(value) >= 1));
const notAList = anything.filter((value) => !Array.isArray(value));

/** For each field, what it must not be. */
const WRONG: Readonly<Record<keyof RequestEnvelope, fc.Arbitrary<unknown>>> = {
  version: anything.filter((value) => value !== 1),
  kind: anything.filter((value) => !["ask", "tell", "handshake", "cancel"].includes(String(value))),
  id: notAName,
  endpoint: notAName,
  gateway: notAName,
  gatewayVersion: notPositive,
  method: notA("string"),
  args: notAList,
  attachments: fc.oneof(notAList, fc.constant([1])),
  epoch: notPositive.filter((value) => value !== null),
  sender: anything.filter((value) => value !== null),
  seq: notPositive,
  remainingMillis: anything.filter((value) => value !== null && !Number.isFinite(value)),
  depth: notPositive,
  chain: fc.oneof(notAList, fc.constant([1])),
  trace: anything.filter((value) => value !== null && typeof value !== "string"),
};
const fields = Object.keys(WRONG) as (keyof RequestEnvelope)[];

/** Well-formed, and nothing that an endpoint offers: members of the language, of the class, and of nobody. */
const unreachable = fc.oneof(
  fc.constantFrom("constructor", "__proto__", "prototype", "toString", "valueOf", "hasOwnProperty", "then"),
  fc.constantFrom(
    "onStart",
    "onStop",
    "onTimer",
    "terminate",
    "storage",
    "timers",
    "touch",
    "#notes",
    "gateway",
    "ask",
  ),
  fc.string().map((name) => `${name}!`),
);

/** Messages that must not reach a handler of the probe at `address`. */
export function malformedEnvelopes(address: string): fc.Arbitrary<unknown> {
  const good = envelope(address, { method: "add", args: [1] });
  const broken = fc
    .constantFrom(...fields)
    .chain((field) => WRONG[field].map((value) => ({ ...good, [field]: value })));
  const lacking = fc.constantFrom(...fields).map((field) => {
    const { [field]: _absent, ...rest } = good;
    return rest;
  });
  return fc.oneof(
    { weight: 6, arbitrary: broken },
    { weight: 1, arbitrary: lacking },
    { weight: 1, arbitrary: anything },
    { weight: 2, arbitrary: unreachable.map((method) => ({ ...good, method })) },
    { weight: 1, arbitrary: unreachable.map((gateway) => ({ ...good, gateway })) },
    { weight: 1, arbitrary: fc.constantFrom("tell", "cancel").map((kind) => ({ ...good, id: "nobody's", kind })) },
  );
}

/** Whether an answer is what a message without effect gets: a typed error, or the empty answer to a cancel. */
export function isRefusal(message: unknown, reply: unknown): boolean {
  const { kind }: { readonly kind?: unknown } = typeof message === "object" && message !== null ? message : {};
  const found: { readonly outcome?: unknown; readonly value?: unknown; readonly error?: { readonly code?: unknown } } =
    typeof reply === "object" && reply !== null ? reply : {};
  if (found.outcome === "error") return typeof found.error?.code === "string" && found.error.code !== "UNEXPECTED";
  return kind === "cancel" && found.value === undefined;
}

/** Requests to open a session that are none. */
export const malformedSessions: fc.Arbitrary<unknown> = fc.oneof(
  anything.filter(isCloneable),
  fc.constant({ version: { toString: 0 }, conversation: "c", batch: ["{}", "[]"] }),
  fc
    .constantFrom("version", "conversation", "batch")
    .chain((field) =>
      anything
        .filter((value) => isCloneable(value) && (field !== "conversation" || typeof value !== "string"))
        .map((value) => ({ version: 1, conversation: "c", batch: ["{}", "[]"], [field]: value })),
    ),
);

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
