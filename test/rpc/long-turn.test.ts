import { expect, it } from "vitest";
import type { Clock } from "../../src/common/clock.ts";
import { ask, defineGateway, milliseconds, RpcEndpoint, withOptions } from "../../src/rpc/index.ts";
import type { EndpointContext, HandlerOf, Later } from "../../src/rpc/index.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

const BusyGateway = defineGateway("Busy", {
  version: 1,
  turns: "sync",
  methods: { askAfter: ask<(millis: number) => number>(), answer: ask<() => number>() },
});

it("a call that a long turn makes at its end waits as long as any other", async () => {
  const manual = new ManualClock();
  let worked = 0;
  const clock: Clock = {
    now: () => manual.now() + worked,
    schedule: (delayMillis, callback) => manual.schedule(delayMillis, callback),
  };
  class Busy extends RpcEndpoint implements HandlerOf<typeof BusyGateway> {
    askAfter(millis: number): Later<number> {
      worked += millis;
      return this.ask(withOptions(this.gateway(BusyGateway, "peer"), { timeout: milliseconds(50) }).answer());
    }
    answer(): number {
      return 1;
    }
  }
  const service = new LocalRpcService({ clock });
  for (const address of ["busy", "peer"]) {
    service.startServer(address, {
      gateways: [BusyGateway],
      factory: (context: EndpointContext) => new Busy(context),
    });
  }
  expect(await service.gateway(BusyGateway, "busy").askAfter(80)).toBe(1);
});
