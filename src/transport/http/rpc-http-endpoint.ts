import { Hono } from "hono";
import { systemClock } from "../../common/clock.ts";
import type { Clock } from "../../common/clock.ts";
import { systemIds } from "../../common/ids.ts";
import type { IdSource } from "../../common/ids.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { HeldConnection } from "./held-connection.ts";
import { HELD_PROTOCOL } from "./held-protocol.ts";
import { upgradeOnWorkers } from "./upgrade-web-socket.ts";
import type { UpgradeWebSocket } from "./upgrade-web-socket.ts";
import { BatchAnswer } from "./batch-answer.ts";
import { RpcBorder } from "./rpc-border.ts";
import type { BorderCalls, ResolveAddress } from "./rpc-border.ts";
import { FRAME_MEDIA_TYPE } from "./frame.ts";
import { readCalls } from "./read-calls.ts";
import { HttpRefusal } from "./http-refusal.ts";

/** What one POST may cost. */
export interface RpcHttpLimits {
  /** Default 32 MiB. */
  readonly bodyBytes: number;
  /** Default 4,096. */
  readonly calls: number;
  /** How long a call may take, whatever its caller says. Default 15 minutes. */
  readonly callMillis: number;
}

export const DEFAULT_RPC_HTTP_LIMITS: RpcHttpLimits = {
  bodyBytes: 32 * 1_024 * 1_024,
  calls: 4_096,
  callMillis: 15 * 60_000,
};

export interface RpcHttpEndpointOptions<Caller> {
  /** How endpoints are reached; asked for every request, as Workers bind stubs to the request that made them. */
  readonly rpcService: () => RpcService;
  /** What is exported: these gateways and their methods, nothing else of the endpoints. */
  readonly gateways: readonly GatewayDescriptor[];
  /** Who sent the request; `undefined` refuses it with 401. */
  readonly authenticate: (request: Request) => Caller | undefined | Promise<Caller | undefined>;
  /** Address that a call really goes to; `undefined` refuses it. Default: the one it names. */
  readonly resolveAddress?: ResolveAddress<Caller>;
  readonly limits?: Partial<RpcHttpLimits>;
  /** How the server makes a WebSocket of a request. Default: as Workers do; elsewhere there are no held connections. */
  readonly upgradeWebSocket?: UpgradeWebSocket | undefined;
  readonly clock?: Clock;
  readonly ids?: IdSource;
}

/**
 * The server half of `HttpRpcService`: a Hono app with one route, to be mounted anywhere (`app.route("/rpc", ...)`): calls
 * come by `POST /`, or over a WebSocket to it. A body that is malformed as a whole is refused before any call of it runs; a malformed call is answered alone.
 * What callers claim of themselves (sender, call chain, depth, request id) is dropped.
 */
export function createRpcEndpoint<Caller>(options: RpcHttpEndpointOptions<Caller>): Hono {
  const limits = { ...DEFAULT_RPC_HTTP_LIMITS, ...options.limits };
  const { clock = systemClock, ids = systemIds } = options;
  const border = new RpcBorder({ ...options, limits, clock, ids });
  const enter = async (request: Request): Promise<BorderCalls> => {
    const caller = await options.authenticate(request);
    if (caller === undefined) throw new HttpRefusal(401, "authorization: expected `Bearer` and a token that is known");
    return border.open(caller);
  };
  const answer = async (request: Request): Promise<Response> => {
    const calls = await enter(request);
    if (request.headers.get("content-type") !== FRAME_MEDIA_TYPE) {
      const found = request.headers.get("content-type") ?? "none";
      throw new HttpRefusal(415, `content-type: expected ${FRAME_MEDIA_TYPE}, got ${found}`);
    }
    const incoming = await readCalls(request, limits);
    const batch = new BatchAnswer(incoming.length, clock);
    for (const [call, envelope] of incoming.entries()) {
      void calls.send(envelope).then((outcome) => batch.settle(call, outcome));
    }
    return batch.response();
  };
  const hold = (request: Request): Response => {
    const { upgradeWebSocket = upgradeOnWorkers() } = options;
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket" || upgradeWebSocket === undefined) {
      throw new HttpRefusal(405, "calls are sent by POST");
    }
    // Behind the upgrade Deno has closed the request.
    const opening = new Request(request.url, { headers: request.headers });
    const { response, socket } = upgradeWebSocket(request, HELD_PROTOCOL);
    new HeldConnection(socket, {
      authenticate: (authorization) => enter(entering(opening, authorization)),
      limits,
      clock,
    });
    return response;
  };
  const app = new Hono();
  app.get("/", (context) => hold(context.req.raw));
  app.post("/", (context) => answer(context.req.raw));
  app.all("/", () => new HttpRefusal(405, "calls are sent by POST").response());
  app.onError((error) => HttpRefusal.from(error).response());
  return app;
}

/**
 * What `authenticate` sees of a held connection: the request that opened it, with the authorization of the first message
 * and without cookies, which a browser sends along for any page.
 */
function entering(request: Request, authorization: string): Request {
  const headers = new Headers(request.headers);
  headers.delete("cookie");
  if (authorization === "") headers.delete("authorization");
  else headers.set("authorization", authorization);
  return new Request(request.url, { headers });
}
