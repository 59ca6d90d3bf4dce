import { describe, expect, it } from "vitest";
import { milliseconds, seconds } from "../../src/common/duration.ts";
import type { EndpointContext } from "../../src/rpc/endpoint-context.ts";
import { ask, defineGateway, tell } from "../../src/rpc/gateway-descriptor.ts";
import type { HandlerOf } from "../../src/rpc/gateway-descriptor.ts";
import type { Later } from "../../src/rpc/later.ts";
import { RpcEndpoint } from "../../src/rpc/rpc-endpoint.ts";
import { RpcProbe } from "../../src/testing/rpc-probe.ts";
import type { SimulatedActivation } from "../../src/testing/simulation/simulated-activation.ts";
import { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import type { SimulatedPlatformOptions } from "../../src/testing/simulation/simulated-platform.ts";

const NUMBER = { parse: Number };
const TallyGateway = defineGateway("Tally", {
  version: 1,
  turns: "sync",
  methods: {
    add: ask<() => number>(),
    total: ask<() => number>({ readOnly: true }),
    greet: ask<() => undefined>({ readOnly: true }),
    linger: ask<(millis: number) => number>({ readOnly: true }),
    ring: ask<(afterMillis: number) => undefined>(),
  },
});
const ListenerGateway = defineGateway("Listener", {
  version: 1,
  turns: "sync",
  methods: { heard: tell<(what: string) => undefined>() },
});

const AskerGateway = defineGateway("Asker", {
  version: 1,
  turns: "sync",
  methods: { lingers: ask<(millis: number) => string>() },
});

/** Counts durably and tells the listener of everything it does. */
class Tally extends RpcEndpoint implements HandlerOf<typeof TallyGateway> {
  constructor(context: EndpointContext) {
    super(context);
  }

  add(): number {
    const total = (this.storage.get("total", NUMBER) ?? 0) + 1;
    this.storage.put("total", total);
    this.#tell(`added ${total}`);
    return total;
  }

  total(): number {
    return this.storage.get("total", NUMBER) ?? 0;
  }

  greet(): undefined {
    this.#tell(`greetings of ${this.incarnation}`);
  }

  /** Answers after a while with who it is. */
  linger(millis: number): Later<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.scheduleRunAsync(() => void resolve(this.incarnation), milliseconds(millis));
    return this.ask(promise);
  }

  ring(afterMillis: number): undefined {
    this.timers.setAfter("ring", milliseconds(afterMillis));
  }

  protected override onTimer(): undefined {
    this.#tell("rang");
  }

  #tell(what: string): void {
    this.gateway(ListenerGateway, "listener").heard(what);
  }
}

/** Asks the tally, which it also listens to, and answers with what came of it. */
class Asker extends RpcEndpoint implements HandlerOf<typeof ListenerGateway>, HandlerOf<typeof AskerGateway> {
  heard(): undefined {}

  lingers(millis: number): Later<string> {
    return this.ask(this.gateway(TallyGateway, "tally").linger(millis), String, (error) => error.code);
  }
}

function world(options: Partial<SimulatedPlatformOptions> = {}) {
  const listener = new RpcProbe(ListenerGateway);
  const platform = new SimulatedPlatform({
    seed: 1,
    endpointOf: (address) =>
      address === "listener"
        ? listener.endpoint
        : { gateways: [TallyGateway], factory: (context) => new Tally(context) },
    ...options,
  });
  return {
    platform,
    tally: platform.service.gateway(TallyGateway, "tally"),
    heard: () => listener.callsOf("heard").flat(),
  };
}

/** A call of nobody, past the network: as one that is on its way to an instance already. */
function greet(activation: SimulatedActivation | undefined): void {
  void activation?.receive({
    version: 1, kind: "ask", id: "test:1", endpoint: "tally", gateway: "Tally", gatewayVersion: 1, method: "greet",
    args: [], attachments: [], epoch: null, sender: null, seq: 1, remainingMillis: null, depth: 1, chain: [], trace: null,
  }); // prettier-ignore
}

describe("the simulated platform", () => {
  it("loses a turn's writes and all it sent together, if the object crashes before they are durable", async () => {
    const { platform, tally, heard } = world({ confirmMillis: [1_000, 1_000] });
    expect(await platform.resolve(tally.add())).toBe(1);
    const second = tally.add();
    second.catch(() => undefined);
    await platform.time.advance(500);
    platform.crash("tally");
    await expect(platform.resolve(second)).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(await platform.resolve(tally.total())).toBe(1);
    await platform.time.advance(seconds(5));
    expect(heard()).toEqual(["added 1"]);
    expect(platform.faults.counts).toMatchObject({ crash: 1, "turn-lost": 1 });
    platform.close();
  });

  it("keeps what an evicted object stored, and its alarm wakes it", async () => {
    const { platform, tally, heard } = world();
    await platform.resolve(tally.add());
    await platform.resolve(tally.ring(seconds(30)));
    platform.evict("tally");
    expect(platform.object("tally")?.current).toBeUndefined();
    await platform.time.advance(seconds(31));
    expect(heard()).toEqual(["added 1", "rang"]);
    expect(await platform.resolve(tally.total())).toBe(1);
    platform.close();
  });

  it("rings again if the alarm's effect was lost with a crash", async () => {
    const { platform, tally, heard } = world({ confirmMillis: [1_000, 1_000] });
    await platform.resolve(tally.ring(seconds(30)));
    await platform.time.advance(seconds(30) - 500);
    platform.crash("tally");
    await platform.time.advance(seconds(10));
    expect(heard()).toEqual(["rang"]);
    platform.close();
  });

  it("lets a superseded instance speak until it touches the storage; who has heard the new one refuses it", async () => {
    const { platform, tally, heard } = world();
    await platform.resolve(tally.greet());
    const old = platform.object("tally")?.current;
    platform.supersede("tally");
    // A fresh connection leads to the present instance.
    const fresh = platform.object("tally")?.activate();
    expect(fresh).not.toBe(old);
    expect(old?.alive).toBe(true);
    greet(fresh);
    await platform.time.advance(100);
    greet(old);
    await platform.time.advance(100);
    expect(heard()).toEqual(["greetings of 1", "greetings of 2"]);
    expect(platform.deadLetters.count("fenced")).toBe(1);
    await platform.time.advance(seconds(31));
    expect(old?.alive).toBe(false);
    platform.close();
  });

  it("a superseded instance has its replies refused by who has heard the new one", async () => {
    const answer = async (newOneIsHeard: boolean): Promise<string> => {
      const { platform } = world({
        endpointOf: (address) =>
          address === "listener"
            ? { gateways: [ListenerGateway, AskerGateway], factory: (context) => new Asker(context) }
            : { gateways: [TallyGateway], factory: (context) => new Tally(context) },
      });
      const lingering = platform.service.gateway(AskerGateway, "listener").lingers(90);
      await platform.time.advance(20);
      platform.supersede("tally");
      if (newOneIsHeard) greet(platform.object("tally")?.activate());
      const answered = await platform.resolve(lingering);
      platform.close();
      return answered;
    };
    expect(await answer(false)).toBe("1");
    expect(await answer(true)).toBe("RECIPIENT_UNREACHABLE");
  });

  it("is the same for the same seed, and another one for another", async () => {
    const run = async (seed: number): Promise<string> => {
      const { platform, tally } = world({
        seed,
        rates: { incidental: { "request-lost": 0.2, "turn-lost": 0.2 }, disruptions: [], disruptionMillis: 1 },
      });
      for (let call = 0; call < 20; call += 1) await platform.resolve(tally.add()).catch(() => undefined);
      platform.close();
      return platform.trace.hash;
    };
    expect(await run(7)).toBe(await run(7));
    expect(await run(7)).not.toBe(await run(8));
  });
});
