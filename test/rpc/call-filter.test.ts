import { beforeEach, describe, expect, it } from "vitest";
import { RpcEndpoint, SluiceException, ask, defineGateway, tell } from "../../src/rpc/index.ts";
import type { CallFilters, HandlerOf, IncomingCallFilter, Later } from "../../src/rpc/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";

const DoorGateway = defineGateway("Door", {
  version: 1,
  turns: "sync",
  methods: {
    open: ask<(key: string) => string>(),
    knock: tell<(times: number) => undefined>(),
    knocks: ask<() => number>(),
    openLater: ask<() => string>(),
  },
});

class Door extends RpcEndpoint implements HandlerOf<typeof DoorGateway> {
  #knocks = 0;

  open(key: string): string {
    return `opened by ${key}`;
  }

  knock(times: number): undefined {
    this.#knocks += times;
  }

  knocks(): number {
    return this.#knocks;
  }

  openLater(): Later<string> {
    return this.ask(Promise.resolve(), () => {
      throw new SluiceException("CONFLICT", "stuck");
    });
  }
}

describe("incoming call filters", () => {
  let clock: ManualClock;
  let service: LocalRpcService;

  const door = (filters: CallFilters, own: readonly IncomingCallFilter[] = []) => {
    service = new LocalRpcService({ clock, filters });
    service.startServer("door", {
      gateways: [DoorGateway],
      factory: (context) =>
        new (class extends Door {
          constructor() {
            super(context, { filters: { incoming: own } });
          }
        })(),
    });
    return service.gateway(DoorGateway, "door");
  };

  beforeEach(() => {
    clock = new ManualClock();
  });

  it("run before the turn, the service's first, and their observers hear what came of it, late results too", async () => {
    const seen: string[] = [];
    const filter =
      (name: string): IncomingCallFilter =>
      ({ kind, method, args, sender, waitedMillis }) => {
        seen.push(`${name} ${kind} ${method}(${args.join()}) ${sender?.address ?? "outside"} ${waitedMillis}`);
        return (result) => void seen.push(`${name} ${result.ok || result.error.code}`);
      };
    const gateway = door({ incoming: [filter("service")] }, [filter("own")]);
    expect(await gateway.open("brass")).toBe("opened by brass");
    await expect(gateway.openLater()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(seen).toEqual([
      "service ask open(brass) outside 0",
      "own ask open(brass) outside 0",
      "own true",
      "service true",
      "service ask openLater() outside 0",
      "own ask openLater() outside 0",
      "own CONFLICT",
      "service CONFLICT",
    ]);
  });

  it("refuse calls by throwing: no handler runs, asks fail with that error, tells are dead letters", async () => {
    const gateway = door({
      incoming: [
        ({ method, args }) => {
          if (method === "knock") throw new SluiceException("UNAVAILABLE", "nobody home");
          if (args[0] === "wrong") throw new RangeError("not this key");
          return undefined;
        },
      ],
    });
    await expect(gateway.open("wrong")).rejects.toMatchObject({ name: "RangeError", message: "not this key" });
    gateway.knock(3);
    expect(await gateway.knocks()).toBe(0);
    expect(service.deadLetters.count("refused")).toBe(2);
    expect(await gateway.open("right")).toBe("opened by right");
  });
});
