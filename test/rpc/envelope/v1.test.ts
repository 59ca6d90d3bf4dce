import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseReplyEnvelope, parseRequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";

const golden = (name: string): unknown =>
  JSON.parse(
    readFileSync(new URL(`../../golden/wire/v1/${name}.json`, import.meta.url).href.slice("file://".length), "utf8"),
  );

const request: RequestEnvelope = {
  version: 1,
  kind: "ask",
  id: "v1/-/default/dispatcher/dispatcher@3:17",
  endpoint: "v1/-/default/job-master/0123456789abcdef0123456789abcdef",
  gateway: "JobMaster",
  gatewayVersion: 1,
  method: "requestJobStatus",
  args: [{ verbose: true }, null],
  attachments: [],
  epoch: 2 as Epoch,
  sender: { address: "v1/-/default/dispatcher/dispatcher", epoch: 1 as Epoch, incarnation: 3 as Incarnation },
  seq: 17,
  remainingMillis: 9_500,
  depth: 2,
  chain: ["9f86d081884c7d659a2feaa0c55ad015:1"],
  trace: null,
};
const head = {
  version: 1,
  id: request.id,
  address: request.endpoint,
  epoch: 2 as Epoch,
  incarnation: 5 as Incarnation,
} as const;
const valueReply: ReplyEnvelope = { ...head, outcome: "value", value: "RUNNING" };
const errorReply: ReplyEnvelope = {
  ...head,
  outcome: "error",
  error: {
    code: "JOB_NOT_FOUND",
    name: "JobNotFoundException",
    message: "no job",
    retryable: false,
    stack: "JobNotFoundException: no job",
    cause: { code: "UNEXPECTED", name: "TypeError", message: "x", retryable: false },
  },
};

describe("envelope version 1 is frozen", () => {
  it("the stored messages are read as they were", () => {
    expect(parseRequestEnvelope(golden("request"))).toEqual(request);
    expect(parseReplyEnvelope(golden("reply-value"))).toEqual(valueReply);
    expect(parseReplyEnvelope(golden("reply-error"))).toEqual(errorReply);
  });

  it("what is written has exactly the stored fields", () => {
    expect(JSON.parse(JSON.stringify(request))).toEqual(golden("request"));
    expect(JSON.parse(JSON.stringify(valueReply))).toEqual(golden("reply-value"));
    expect(JSON.parse(JSON.stringify(errorReply))).toEqual(golden("reply-error"));
  });
});

describe("what is malformed is refused, naming the field", () => {
  const without = (field: string): unknown =>
    Object.fromEntries(Object.entries(request).filter(([key]) => key !== field));

  it.each(Object.keys(request))("a request without %s", (field) => {
    expect(() => parseRequestEnvelope(without(field))).toThrow(expect.objectContaining({ code: "UNKNOWN_MESSAGE" }));
    expect(() => parseRequestEnvelope(without(field))).toThrow(`malformed request: ${field}`);
  });

  it.each<[string, unknown]>([
    ["version", 2],
    ["kind", "control"],
    ["id", ""],
    ["gatewayVersion", 1.5],
    ["args", "x"],
    ["attachments", [new Uint8Array(1)]],
    ["epoch", 0],
    ["epoch", "2"],
    ["sender", { ...request.sender, incarnation: -1 }],
    ["sender", { ...request.sender, address: "" }],
    ["seq", 0],
    ["remainingMillis", Number.NaN],
    ["depth", 0],
    ["chain", [1]],
    ["trace", 7],
  ])("a request with a wrong %s", (field, value) => {
    expect(() => parseRequestEnvelope({ ...request, [field]: value })).toThrow(`malformed request: ${field}`);
  });

  it.each([undefined, null, "text", 7, []])("%s instead of an envelope", (value) => {
    expect(() => parseRequestEnvelope(value)).toThrow(/expected an envelope/);
    expect(() => parseReplyEnvelope(value)).toThrow(/expected an envelope/);
  });

  it.each<[string, unknown]>([
    ["outcome", "maybe"],
    ["error", { code: 1 }],
    ["incarnation", 0.5],
  ])("a reply with a wrong %s", (field, value) => {
    expect(() => parseReplyEnvelope({ ...errorReply, [field]: value })).toThrow(`malformed reply: ${field}`);
  });

  it("a field that the version does not have is dropped", () => {
    expect(parseRequestEnvelope({ ...request, surplus: 1 })).toEqual(request);
  });
});
