import { beforeEach, describe, expect, it } from "vitest";
import { RpcEndpoint, SluiceException, ask, defineGateway, tell } from "../../src/rpc/index.ts";
import type {
  CallFilters,
  EndpointContext,
  HandlerOf,
  IncomingCallFilter,
  Later,
  RpcService,
} from "../../src/rpc/index.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import { Probe } from "../fixtures/rpc/probe.ts";
import { PROBE_GATEWAYS } from "../fixtures/rpc/probe-gateways.ts";
import {
  callThroughFilters,
  recordedFilters,
  seenOnBothSides,
  THROUGH_FILTERS,
} from "../fixtures/rpc/recorded-filters.ts";

type Run = (calls: Promise<unknown>) => Promise<unknown>;

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

const probeEndpoint = { gateways: PROBE_GATEWAYS, factory: (context: EndpointContext) => new Probe(context) };

describe("filters of a service", () => {
  it.each<[string, (filters: CallFilters) => { readonly service: RpcService; readonly run: Run }]>([
    [
      "LocalRpcService",
      (filters) => {
        const service = new LocalRpcService({ clock: new ManualClock(), filters });
        for (const name of ["probe/a", "probe/b"]) {
          service.startServer(name, { ...probeEndpoint, database: new SqliteDatabase() });
        }
        return { service, run: (calls) => calls };
      },
    ],
    [
      "SimulatedRpcService",
      (filters) => {
        const platform = new SimulatedPlatform({ seed: 1, endpointOf: () => probeEndpoint, filters });
        return { service: platform.service, run: (calls) => platform.resolve(calls) };
      },
    ],
  ])("run on both sides of %s", async (_name, open) => {
    const seen: string[] = [];
    const { service, run } = open(recordedFilters(seen));
    expect(await run(callThroughFilters(service, ["probe/a", "probe/b"]))).toEqual(THROUGH_FILTERS);
    expect(seen).toEqual(seenOnBothSides("probe/b"));
  });
});

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
