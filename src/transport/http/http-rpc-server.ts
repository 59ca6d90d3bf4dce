/** What `sluice/rpc/http-server` publishes: gateways over HTTP, as a Hono app. */
export { createRpcEndpoint, DEFAULT_RPC_HTTP_LIMITS } from "./rpc-http-endpoint.ts";
export type { RpcHttpEndpointOptions, RpcHttpLimits } from "./rpc-http-endpoint.ts";
export type { BorderCall, ResolveAddress } from "./rpc-border.ts";
export type { MessageSocket } from "./held-protocol.ts";
export { upgradeOnWorkers } from "./upgrade-web-socket.ts";
export type { UpgradeWebSocket } from "./upgrade-web-socket.ts";
