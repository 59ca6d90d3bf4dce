import { describe, expect, it } from "vitest";
import { ask, defineGateway, minutes, RpcEndpoint, seconds, tell } from "sluice/rpc";
import type { EndpointContext, HandlerOf } from "sluice/rpc";
import { LocalRpcService, ManualClock, RpcProbe, SimulatedPlatform, SqliteDatabase } from "sluice/testing";

const COUNT = { parse: (value: unknown): number => Number(value) };

const TurnstileGateway = defineGateway("Turnstile", {
  version: 1,
  turns: "sync",
  methods: { pass: ask<() => number>(), passed: ask<() => number>({ readOnly: true }) },
});
const MuseumGateway = defineGateway("Museum", {
  version: 1,
  turns: "sync",
  methods: { report: tell<(visitors: number) => undefined>() },
});

/** Counts visitors, and reports them to the museum every ten minutes while there are any. */
class Turnstile extends RpcEndpoint implements HandlerOf<typeof TurnstileGateway> {
  constructor(context: EndpointContext) {
    super(context);
  }

  pass(): number {
    if (this.passed() === 0) this.timers.setAfter("report", minutes(10));
    const passed = this.passed() + 1;
    this.storage.put("passed", passed);
    return passed;
  }

  passed(): number {
    return this.storage.get("passed", COUNT) ?? 0;
  }

  protected override onTimer(): undefined {
    this.gateway(MuseumGateway, "museum").report(this.passed());
    this.storage.put("passed", 0);
  }
}

describe("the turnstile", () => {
  it("reports after ten minutes, by the clock of the test", async () => {
    const clock = new ManualClock();
    const service = new LocalRpcService({ clock });
    const museum = new RpcProbe(MuseumGateway);
    service.startServer("museum", museum.endpoint);
    service.startServer("turnstile", {
      gateways: [TurnstileGateway],
      factory: (context) => new Turnstile(context),
      database: new SqliteDatabase(),
    });
    await service.gateway(TurnstileGateway, "turnstile").pass();
    await clock.advance(minutes(9));
    expect(museum.callsOf("report")).toEqual([]);
    await clock.advance(minutes(2));
    expect(museum.callsOf("report")).toEqual([[1]]);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))("forgets no visitor over crashes: seed %i", async (seed) => {
    const museum = new RpcProbe(MuseumGateway);
    const platform = new SimulatedPlatform({
      seed,
      endpointOf: (address) =>
        address === "museum"
          ? museum.endpoint
          : { gateways: [TurnstileGateway], factory: (context) => new Turnstile(context) },
      rates: {
        incidental: { "turn-lost": 0.3, "message-delayed": 0.1 },
        disruptions: ["crash"],
        disruptionMillis: seconds(2),
      },
    });
    const turnstile = platform.service.gateway(TurnstileGateway, "turnstile");
    let acknowledged = 0;
    for (let visitor = 0; visitor < 10; visitor += 1) {
      // A crash in between is an error to the caller; what was acknowledged is durable.
      await platform.resolve(turnstile.pass()).then(
        () => (acknowledged += 1),
        () => undefined,
      );
      if (visitor % 3 === 0) platform.crash("turnstile");
    }
    platform.calm();
    expect(await platform.resolve(turnstile.passed())).toBeGreaterThanOrEqual(acknowledged);
    platform.close();
  });
});
