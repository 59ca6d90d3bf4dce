import fc from "fast-check";
import { expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { parseRequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { BatchDecoder } from "../../../src/rpc/session/batch-decoder.ts";
import { BatchEncoder } from "../../../src/rpc/session/batch-encoder.ts";
import { Conversation } from "../../../src/rpc/session/conversation.ts";
import type { BatchItem } from "../../../src/rpc/session/batch-encoder.ts";
import { ADDRESS } from "./session-world.ts";

const RUNS = 100_000;

const sender = { address: "s", epoch: 1 as Epoch, incarnation: 1 as Incarnation };
const HEAD: BatchItem["head"] = {
  version: 1,
  kind: "ask",
  gateway: "Echo",
  gatewayVersion: 1,
  method: "echo",
  epoch: null,
  sender: null,
  idPrefix: "a:",
};

function message(own: Pick<BatchItem, "number" | "args"> & Partial<BatchItem>): BatchItem {
  const { number } = own;
  return { head: HEAD, idNumber: number, deadlineMillis: undefined, depth: 1, chain: [], trace: null, ...own };
}

const wellFormed = new BatchEncoder().encode(
  [
    message({ number: 1, args: "[1]" }),
    message({ number: 2, args: { values: [1n], bytes: 9 }, head: { ...HEAD, sender } }),
  ],
  { nowMillis: 0, received: [], onlyIn: { instance: "i", numbers: [1] } },
);

/** A batch with one thing in it replaced, or anything at all. */
const malformed = fc.oneof(
  fc.tuple(fc.nat(9), fc.jsonValue()).map(([column, value]) => {
    const columns = JSON.parse(wellFormed[0]) as unknown[];
    columns[column] = value;
    return [JSON.stringify(columns), wellFormed[1], wellFormed[2]];
  }),
  fc
    .tuple(
      fc.constantFrom("kind", "gateway", "gatewayVersion", "method", "epoch", "sender", "idPrefix"),
      fc.jsonValue(),
    )
    .map(([field, value]) => {
      const columns = JSON.parse(wellFormed[0]) as { [key: string]: unknown }[][];
      for (const head of columns[3] ?? []) head[field] = value;
      return [JSON.stringify(columns), wellFormed[1], wellFormed[2]];
    }),
  fc.string().map((args) => [wellFormed[0], args, wellFormed[2]]),
  fc.anything().map((cloned) => [wellFormed[0], wellFormed[1], cloned]),
  fc.anything().map((args) => [wellFormed[0], wellFormed[1], [[1, args]]]),
  fc.anything(),
);

it("of 100,000 malformed batches none crashes, and what reaches the endpoint is an envelope of wire values", () => {
  let rejected = 0;
  let accepted = 0;
  const check = (envelope: RequestEnvelope): void => {
    accepted += 1;
    expect(() => parseRequestEnvelope(envelope)).not.toThrow();
  };
  fc.assert(
    fc.property(malformed, (batch) => {
      const conversation = new Conversation(
        {
          address: ADDRESS,
          accept: (request) => check(request.envelope()),
          receive: () => new Promise(() => undefined),
          identity: () => sender,
          now: () => 0,
          run: (_nowMillis, body) => body(),
        },
        "i",
      );
      try {
        void conversation.batch(batch, new BatchDecoder(ADDRESS));
      } catch (error) {
        expect(SluiceException.is(error, "UNKNOWN_MESSAGE")).toBe(true);
        rejected += 1;
      }
    }),
    { numRuns: RUNS },
  );
  expect(rejected).toBeGreaterThan(RUNS / 4);
  expect(accepted).toBeGreaterThan(0);
}, 120_000);

/** What a message that travels alone looks like, with one thing in it replaced, or anything at all. */
const malformedMessage = fc.oneof(
  fc.tuple(fc.nat(6), fc.jsonValue()).map(([field, value]) => {
    const fields: unknown[] = [3, 0, 3, 1_000, 1, null, [1]];
    fields[field] = value;
    return JSON.stringify(fields);
  }),
  fc.array(fc.jsonValue(), { maxLength: 9 }).map((fields) => JSON.stringify(fields)),
  fc.string(),
);

it("of 100,000 malformed messages that travel alone none crashes, and what reaches the endpoint is an envelope", () => {
  let rejected = 0;
  let accepted = 0;
  fc.assert(
    fc.property(malformedMessage, (text) => {
      const conversation = new Conversation(
        {
          address: ADDRESS,
          accept: (request) => {
            if (request.number < 3) return;
            accepted += 1;
            expect(() => parseRequestEnvelope(request.envelope())).not.toThrow();
          },
          receive: () => new Promise(() => undefined),
          identity: () => sender,
          now: () => 0,
          run: (_nowMillis, body) => body(),
        },
        "i",
      );
      const decoder = new BatchDecoder(ADDRESS);
      void conversation.batch(wellFormed, decoder);
      try {
        void conversation.message(text, decoder);
      } catch (error) {
        expect(SluiceException.is(error, "UNKNOWN_MESSAGE")).toBe(true);
        rejected += 1;
      }
    }),
    { numRuns: RUNS },
  );
  expect(rejected).toBeGreaterThan(RUNS / 4);
  expect(accepted).toBeGreaterThan(0);
}, 120_000);
