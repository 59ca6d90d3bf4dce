import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import type { LocalEndpoint } from "../../src/transport/local/local-rpc-service.ts";
import { FencedProbe, FailingProbe, Probe, SlowProbe } from "../fixtures/rpc/probe.ts";
import { FencedProbeGateway, PROBE_GATEWAYS } from "../fixtures/rpc/probe-gateways.ts";
import type { ProbeKind } from "../fixtures/rpc/probe-gateways.ts";
import type { World } from "./row.ts";

function endpointOf(kind: ProbeKind): LocalEndpoint {
  const database = new SqliteDatabase();
  switch (kind) {
    case "probe":
      return { gateways: PROBE_GATEWAYS, factory: (context) => new Probe(context), database };
    case "failing-probe":
      return { gateways: PROBE_GATEWAYS, factory: (context) => new FailingProbe(context), database };
    case "slow-probe":
      return { gateways: PROBE_GATEWAYS, factory: (context) => new SlowProbe(context), database };
    case "fenced-probe":
      return { gateways: [FencedProbeGateway], factory: (context) => new FencedProbe(context), database };
  }
}

/** LocalRpcService on a manual clock, every endpoint with a SQLite database of its own. */
export function createLocalWorld(): World {
  const clock = new ManualClock();
  const service = new LocalRpcService({ clock });
  let endpoints = 0;
  const freshAddress = (kind: ProbeKind): string => `v1/-/test/${kind}/${(endpoints += 1)}`;
  return {
    service,
    open: (kind) => service.startServer(freshAddress(kind), endpointOf(kind)).address,
    elapse: (millis) => clock.advance(millis),
    crash: (address) => {
      service.restart(address);
      return clock.settle();
    },
    hosting: {
      create: (kind) => service.createServer(freshAddress(kind), endpointOf(kind)),
      createAt: (address, kind) => service.createServer(address, endpointOf(kind)),
      closeService: () => service.closeAsync(),
    },
  };
}
