import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { WorkerdHarness } from "../../src/entrypoint/workerd-harness/workerd-harness.ts";
import { ProbeGateway, QueueProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import { until } from "../harness/platform.ts";

const ADDRESS = "v1/-/test/probe/a";

it("durable timers of a process that was killed fire in the next one, those past due at once, each once", async () => {
  await using worker = await WorkerdHarness.start({
    config: new URL("../fixtures/rpc/wrangler.toml", import.meta.url),
  });
  const { service } = worker;
  const timers = service.gateway(QueueProbeGateway, ADDRESS);
  const incarnation = async (): Promise<number> =>
    (await service.gateway(ProbeGateway, ADDRESS).whoAreYou()).incarnation;
  await timers.setTimer("soon", 2_000, 0);
  await timers.setTimer("later", 3_600_000, 0);
  expect([await incarnation(), await timers.timersRun()]).toEqual([1, []]);
  await worker.kill();
  await sleep(2_500);
  await worker.restart();
  const run = await until(() => timers.timersRun(), (found) => found.length > 0, "the timer that is past due"); // prettier-ignore
  expect([await incarnation(), run]).toEqual([2, ["soon"]]);
  await worker.restart();
  await sleep(500);
  expect([await incarnation(), await timers.timersRun()]).toEqual([3, []]);
});
