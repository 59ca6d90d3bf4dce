import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { PUSH_SIZE_LIMIT_BYTES } from "../../../src/rest/messages/sluice-messages.ts";
import type { PushedRecords, PushOutcome } from "../../../src/runtime/messages/pushed-records.ts";
import { JOB_ID } from "../jobs.ts";
import { restHarness, testingDispatcherGateway } from "../rest-harness.ts";

interface Pushed {
  readonly source: string;
  readonly text: string;
  readonly push: PushedRecords;
}

function harness(answer: () => PushOutcome = () => ({ kind: "accepted" })) {
  const pushed: Pushed[] = [];
  const dispatcher = testingDispatcherGateway({
    pushRecords: async (_jobId, source, push) => {
      const outcome = answer();
      pushed.push({ source, text: new TextDecoder().decode(push.bytes), push });
      return outcome;
    },
  });
  const rest = restHarness({ dispatcher: () => dispatcher });
  const send = (body: BodyInit, query = "", source = "readings"): Promise<Response> =>
    rest.send(`/v1/sluice/jobs/${JOB_ID}/sources/${source}/records${query}`, { method: "POST", body });
  return { pushed, send };
}

describe("records that are pushed to a source", () => {
  it("are handed on as lines without blank ones, with who sent them", async () => {
    const { pushed, send } = harness();
    const response = await send('{"a":1}\n\n  {"a":2}\r\n[3]\n', "?producer=gateway-7&sequence=42");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ records: 3, duplicate: false });
    expect(pushed).toMatchObject([{ source: "readings", text: '{"a":1}\n{"a":2}\n[3]' }]);
    expect(pushed[0]?.push).toMatchObject({ records: 3, producer: { id: "gateway-7", sequence: 42 } });
  });

  it("may come without saying who sent them", async () => {
    const { pushed, send } = harness(() => ({ kind: "duplicate" }));
    expect(await (await send("1")).json()).toEqual({ records: 1, duplicate: true });
    expect(pushed[0]?.push).not.toHaveProperty("producer");
  });

  it("are stored nowhere if there are none", async () => {
    const { pushed, send } = harness();
    expect(await (await send("\n \n")).json()).toEqual({ records: 0, duplicate: false });
    expect(pushed).toEqual([]);
  });

  it.each([
    { what: "a line that is no JSON", body: '{"a":1}\n{"a":', error: "line 2: expected a JSON value" },
    { what: "bytes that are no UTF-8", body: Uint8Array.of(0x31, 0xff), error: "The body is not UTF-8." },
    { what: "a sequence without a producer", body: "1", query: "?sequence=1", error: "got sequence alone" },
    { what: "a producer without a sequence", body: "1", query: "?producer=p", error: "got producer alone" },
    {
      what: "a sequence that is none",
      body: "1",
      query: "?producer=p&sequence=-1",
      error: "query parameter (sequence)",
    },
    {
      what: "a producer that is none",
      body: "1",
      query: "?producer=a/b&sequence=1",
      error: "query parameter (producer)",
    },
    { what: "a source that is none", body: "1", source: ".hidden", error: "path parameter (source)" },
  ])("are refused with 400 for $what", async ({ body, query = "", source = "readings", error }) => {
    const { pushed, send } = harness();
    const response = await send(body, query, source);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ errors: [expect.stringContaining(error)] });
    expect(pushed).toEqual([]);
  });

  it("are refused with 400 that names the line of the body, blank ones counted, which is no record of the source", async () => {
    const { send } = harness(() => ({ kind: "refused", record: 1, reason: 'value: expected a number, got "x"' }));
    const response = await send('{"value":1}\n\n\n{"value":"x"}\n');
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ errors: ['line 4: value: expected a number, got "x"'] });
  });

  it("are refused with 413 above the limit", async () => {
    const { pushed, send } = harness();
    expect((await send("1".repeat(PUSH_SIZE_LIMIT_BYTES + 1))).status).toBe(413);
    expect(pushed).toEqual([]);
  });

  it.each([
    { code: "NOT_FOUND", status: 404 },
    { code: "JOB_NOT_FOUND", status: 404 },
    { code: "CONFLICT", status: 409 },
    { code: "QUOTA_EXCEEDED", status: 429 },
    { code: "UNAVAILABLE", status: 503 },
  ] as const)("answer $status if the job says $code", async ({ code, status }) => {
    const { send } = harness(() => {
      throw new SluiceException(code, "why");
    });
    expect((await send("1")).status).toBe(status);
  });
});
