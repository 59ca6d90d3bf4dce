/**
 * What `sluice/rpc/http` publishes: callers over HTTP, and what gateways are declared with. Runs wherever `fetch` does, so
 * gateways that a browser shares with a server are declared with it.
 */
export { ACKNOWLEDGE } from "../../common/acknowledge.ts";
export type { Acknowledge } from "../../common/acknowledge.ts";
export { days, hours, milliseconds, minutes, seconds } from "../../common/duration.ts";
export type { Duration } from "../../common/duration.ts";
export { SluiceException } from "../../common/exceptions.ts";
export type { ExceptionCode } from "../../common/exceptions.ts";
export type { ValueType } from "../../common/value-type.ts";
export type { WireValue } from "../../common/wire-value.ts";
export { withOptions } from "../../rpc/call-options.ts";
export type { CallOptions } from "../../rpc/call-options.ts";
export * from "../../rpc/exceptions.ts";
export { ask, defineGateway, tell } from "../../rpc/gateway-descriptor.ts";
export type { GatewayDescriptor, GatewayOf, HandlerOf, MethodOptions, TurnMode } from "../../rpc/gateway-descriptor.ts";
export type { MessageSocket } from "./held-protocol.ts";
export { HttpRpcService } from "./http-rpc-service.ts";
export type { HttpRpcServiceOptions } from "./http-rpc-service.ts";
