import type { SimulatedEndpoint } from "../../src/testing/simulation/simulated-activation.ts";
import { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import { FailingProbe, FencedProbe, Probe, SlowProbe } from "../fixtures/rpc/probe.ts";
import { FencedProbeGateway, PROBE_GATEWAYS } from "../fixtures/rpc/probe-gateways.ts";
import type { ProbeKind } from "../fixtures/rpc/probe-gateways.ts";
import type { World } from "./row.ts";

const ENDPOINTS: Readonly<Record<ProbeKind, SimulatedEndpoint>> = {
  probe: { gateways: PROBE_GATEWAYS, factory: (context) => new Probe(context) },
  "failing-probe": { gateways: PROBE_GATEWAYS, factory: (context) => new FailingProbe(context) },
  "slow-probe": { gateways: PROBE_GATEWAYS, factory: (context) => new SlowProbe(context) },
  "fenced-probe": { gateways: [FencedProbeGateway], factory: (context) => new FencedProbe(context) },
};

/** SimulatedRpcService without faults: objects with SQLite, alarms and an output gate; messages take no time. */
export function createSimulatedWorld(): World {
  const platform = new SimulatedPlatform({ seed: 1, latencyMillis: [0, 0], confirmMillis: [0, 0] });
  platform.time.runLive();
  let endpoints = 0;
  const freshAddress = (kind: ProbeKind): string => `v1/-/test/${kind}/${(endpoints += 1)}`;
  return {
    service: platform.service,
    open: (kind) => {
      const server = platform.createServer(freshAddress(kind), ENDPOINTS[kind]);
      server.start();
      return server.address;
    },
    elapse: (millis) => platform.time.advance(millis),
    crash: async (address) => {
      await platform.time.advance(0);
      platform.crash(address);
    },
    hosting: {
      create: (kind) => platform.createServer(freshAddress(kind), ENDPOINTS[kind]),
      createAt: (address, kind) => platform.createServer(address, ENDPOINTS[kind]),
      closeService: () => platform.closeAsync(),
    },
  };
}
