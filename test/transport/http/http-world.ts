import { systemIds } from "../../../src/common/ids.ts";
import { HttpRpcService } from "../../../src/transport/http/http-rpc-service.ts";
import { createRpcEndpoint } from "../../../src/transport/http/rpc-http-endpoint.ts";
import type { RpcHttpEndpointOptions } from "../../../src/transport/http/rpc-http-endpoint.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import type { World } from "../../conformance/row.ts";
import { createLocalWorld } from "../../conformance/local-world.ts";
import { ROWS } from "../../conformance/suite.ts";
import type { KnownGaps } from "../../conformance/suite.ts";
import { FencedProbeGateway, PROBE_GATEWAYS } from "../../fixtures/rpc/probe-gateways.ts";

/** HTTP hosts nothing, and lets nobody say of himself that he is an endpoint. */
export const HTTP_GAPS: KnownGaps = {
  ...Object.fromEntries(ROWS.filter((row) => row.tag === "hosting").map((row) => [row.id, "HTTP hosts no endpoints"])),
  EI2: "a sender is not believed: the border drops it",
};

export type TestCaller = string;

/** HttpRpcService, without a network, to probes in this process on a manual clock. */
export function createHttpWorld(
  options: Partial<RpcHttpEndpointOptions<TestCaller>> & { readonly token?: string } = {},
): World & { readonly service: HttpRpcService; readonly server: ReturnType<typeof createRpcEndpoint> } {
  const { hosting: _handsOn, ...local } = createLocalWorld();
  const clock = new ManualClock();
  const server = createRpcEndpoint<TestCaller>({
    rpcService: () => local.service,
    gateways: [...PROBE_GATEWAYS, FencedProbeGateway],
    authenticate: (request) => request.headers.get("authorization") ?? "anybody",
    clock,
    ids: systemIds,
    ...options,
  });
  const service = new HttpRpcService({
    url: "http://server.test/",
    fetch: async (url, init) => server.request(url, init),
    clock,
    ...(options.token === undefined ? {} : { token: options.token }),
  });
  return {
    ...local,
    service,
    server,
    elapse: async (millis) => {
      // A request is on its way for some turns of the event loop, on no clock.
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
      await Promise.all([clock.advance(millis), local.elapse(millis)]);
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
    },
  };
}
