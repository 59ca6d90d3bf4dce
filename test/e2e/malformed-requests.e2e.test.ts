import { expect, it } from "vitest";
import { WorkerdHarness } from "../../src/entrypoint/workerd-harness/workerd-harness.ts";
import type { Outcomes } from "../fixtures/rpc/malformed-requests.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";

const ADDRESS = "v1/-/test/probe/malformed";
/** The promise is 100,000, which takes a minute and more: docs/testing.md. */
const REQUESTS = Number(process.env["MALFORMED_REQUESTS"] ?? 10_000);
/** A refusal, an error for each message, or an empty batch. */
const TYPED = /^(UnknownMessageException|answered by (UNKNOWN_MESSAGE|HANDSHAKE|SERIALIZATION)(, \w+)*|answered \[\])$/;
const AT_ONCE = 1_000;

it("malformed requests on an object's stub get a typed error each, none reaches a handler, the object lives", async () => {
  await using worker = await WorkerdHarness.start({
    config: new URL("../fixtures/rpc/wrangler.toml", import.meta.url),
  });
  const probe = worker.service.gateway(ProbeGateway, ADDRESS);
  await probe.add(1);
  const before = await probe.whoAreYou();
  const sum = new Map<string, number>();
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
    const response = await worker.fetch(`/malformed?address=${ADDRESS}&runs=${AT_ONCE}&seed=${sent}`);
    for (const [outcome, count] of Object.entries((await response.json()) as Outcomes)) {
      sum.set(outcome, (sum.get(outcome) ?? 0) + count);
    }
  }
  expect([...sum.keys()].filter((outcome) => !TYPED.test(outcome))).toEqual([]);
  expect([...sum.values()].reduce((total, count) => total + count, 0)).toBe(REQUESTS);
  expect(await probe.total()).toBe(1);
  expect(await probe.noted()).toEqual([]);
  expect(await probe.whoAreYou()).toEqual(before);
});
