import { systemIds } from "../../../src/common/ids.ts";
import { HttpRpcService } from "../../../src/transport/http/http-rpc-service.ts";
import { createRpcEndpoint } from "../../../src/transport/http/rpc-http-endpoint.ts";
import type { RpcHttpEndpointOptions } from "../../../src/transport/http/rpc-http-endpoint.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import type { World } from "../../conformance/row.ts";
import { createLocalWorld } from "../../conformance/local-world.ts";
import { PairedSocket } from "./socket-pair.ts";
import { ROWS } from "../../conformance/suite.ts";
import type { KnownGaps } from "../../conformance/suite.ts";
import { FencedProbeGateway, PROBE_GATEWAYS } from "../../fixtures/rpc/probe-gateways.ts";

/** HTTP hosts nothing, and lets nobody say of himself that he is an endpoint. */
export const HTTP_GAPS: KnownGaps = {
  ...Object.fromEntries(ROWS.filter((row) => row.tag === "hosting").map((row) => [row.id, "HTTP hosts no endpoints"])),
  EI2: "a sender is not believed: the border drops it",
};

export type TestCaller = string;

export interface HttpWorldOptions extends Partial<RpcHttpEndpointOptions<TestCaller>> {
  readonly token?: string | (() => Promise<string>);
  readonly connection?: "requests" | "held";
}

export interface HttpWorld extends World {
  readonly service: HttpRpcService;
  readonly server: ReturnType<typeof createRpcEndpoint>;
  readonly clock: ManualClock;
  /** The client's ends of the connections that were opened. */
  readonly sockets: PairedSocket[];
}

/** HttpRpcService, without a network, to probes in this process on a manual clock. */
export function createHttpWorld({ token, connection = "requests", ...options }: HttpWorldOptions = {}): HttpWorld {
  const { hosting: _handsOn, ...local } = createLocalWorld();
  const clock = new ManualClock();
  const server = createRpcEndpoint<TestCaller>({
    rpcService: () => local.service,
    gateways: [...PROBE_GATEWAYS, FencedProbeGateway],
    authenticate: (request) => request.headers.get("authorization") ?? "anybody",
    clock,
    ids: systemIds,
    upgradeWebSocket: () => ({ response: new Response(), socket: serverEnds.shift() ?? new PairedSocket() }),
    ...options,
  });
  const sockets: PairedSocket[] = [];
  const serverEnds: PairedSocket[] = [];
  const service = new HttpRpcService({
    url: "http://server.test/",
    connection,
    openSocket: (url) => {
      const [client, serverEnd] = PairedSocket.pair();
      sockets.push(client);
      serverEnds.push(serverEnd);
      void Promise.resolve(server.request(url.replace(/^ws/, "http"), { headers: { upgrade: "websocket" } })).then(
        ({ ok }) => (ok ? client.emit("open") : client.fail()),
      );
      return client;
    },
    fetch: async (url, init) => server.request(url, init),
    clock,
    ...(token === undefined ? {} : { token }),
  });
  return {
    ...local,
    service,
    server,
    clock,
    sockets,
    elapse: async (millis) => {
      // A request is on its way for some turns of the event loop, on no clock.
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
      await Promise.all([clock.advance(millis), local.elapse(millis)]);
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
    },
  };
}
