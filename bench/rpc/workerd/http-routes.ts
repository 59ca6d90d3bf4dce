import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { systemClock } from "../../../src/common/clock.ts";
import { systemIds } from "../../../src/common/ids.ts";
import { rpcServiceOf } from "../../../src/entrypoint/durable-object-rpc.ts";
import type { RpcService } from "../../../src/rpc/index.ts";
import { createRpcEndpoint, upgradeOnWorkers } from "../../../src/transport/http/http-rpc-server.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { HTTP_ADDRESS, HTTP_TOKEN } from "../http/address.ts";
import { BenchEndpoint, BenchGateway, DurableBenchGateway } from "../target/bench-endpoint.ts";
import type { BenchStub } from "../target/stub-target.ts";

interface HttpEnvironment {
  readonly RAW: { getByName(name: string): Pick<BenchStub, "increment"> };
}

/**
 * What processes call over HTTP, each bare route beside Sluice's. Under `/` the worker itself answers, as it does for
 * capnweb; under `/object` an object behind it.
 */
export const httpRoutes = new Hono<{ Bindings: HttpEnvironment }>();

let inWorker: LocalRpcService | undefined;

/** Made by the first request: Workers give no randomness before it. */
function localService(): RpcService {
  if (inWorker === undefined) {
    inWorker = new LocalRpcService({ clock: systemClock, ids: systemIds });
    inWorker.startServer(HTTP_ADDRESS, {
      gateways: [BenchGateway],
      factory: (context) => new BenchEndpoint(context),
    });
  }
  return inWorker;
}

/** Callers pass the same border as a user's would. */
function authenticate({ headers }: Request): string | undefined {
  return headers.get("authorization") === `Bearer ${HTTP_TOKEN}` ? "bench" : undefined;
}

httpRoutes.post("/echo", async ({ req }) => new Response(await req.raw.text()));
httpRoutes.post("/object/echo", async ({ req, env: { RAW } }) =>
  Response.json(await RAW.getByName("echo").increment(Number(await req.raw.text()))),
);
httpRoutes.route(
  "/rpc",
  createRpcEndpoint({
    rpcService: localService,
    gateways: [BenchGateway],
    authenticate,
    // capnweb's messages are compressed: its server has no switch.
    upgradeWebSocket: upgradeOnWorkers({ compression: false }),
  }),
);
httpRoutes.route(
  "/object/rpc",
  createRpcEndpoint({ rpcService: () => rpcServiceOf(env), gateways: [DurableBenchGateway], authenticate }),
);
