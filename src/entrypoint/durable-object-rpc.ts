/** What `sluice/rpc/durable-object` publishes: endpoints as Durable Objects, and the ways to call them. */
import { systemClock } from "../common/clock.ts";
import { consoleLogger } from "../common/console-logger.ts";
import { milliseconds } from "../common/duration.ts";
import { systemIds } from "../common/ids.ts";
import type { CallFilters } from "../rpc/call-filter.ts";
import type { RpcService } from "../rpc/rpc-service.ts";
import { DurableObjectRpcService } from "../transport/durable-object/durable-object-rpc-service.ts";
import { namespacesOf } from "./durable-object.ts";

export { durableObject } from "./durable-object.ts";
export type { DurableObjectOptions, EndpointObject, HandlersOf } from "./durable-object.ts";

/**
 * Calls the endpoints behind the bindings of a worker, from code that is no endpoint: a Worker's handler, or the events
 * of an object's shell. Make one for each event, as stubs belong to the event that made them.
 */
export function rpcServiceOf(
  env: object,
  options: { readonly filters?: Pick<CallFilters, "outgoing"> } = {},
): RpcService {
  return new DurableObjectRpcService({
    ...options,
    clock: systemClock,
    ids: systemIds,
    log: consoleLogger(),
    namespaceOf: namespacesOf(env),
    // What an event opened ends with it.
    lease: milliseconds(0),
  });
}
