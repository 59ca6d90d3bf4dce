/** What `sluice/rpc/standalone` publishes: endpoints in one process of Node, Bun or Deno, and an HTTP server to call them. */
import { systemClock } from "../../common/clock.ts";
import { consoleLogger } from "../../common/console-logger.ts";
import { systemIds } from "../../common/ids.ts";
import { systemRandom } from "../../common/random.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import type { HandlersOf } from "../durable-object.ts";
import type { StandaloneEndpoint } from "./hosted-object.ts";
import { openHostStore, StandaloneHost } from "./standalone-host.ts";
import type { StandaloneHostOptions } from "./standalone-host.ts";

export { serve } from "./serve.ts";
export type { FetchHandler, HttpServer, ServeOptions } from "./serve.ts";
export type { StandaloneEndpoint } from "./hosted-object.ts";
export type { StandaloneHost } from "./standalone-host.ts";

/** The endpoints of one kind: `standaloneEndpoint((context) => new Counter(context), [CounterGateway])`. */
export function standaloneEndpoint<const Gateways extends readonly GatewayDescriptor[]>(
  factory: (context: EndpointContext) => RpcEndpoint & HandlersOf<Gateways>,
  gateways: Gateways,
): StandaloneEndpoint {
  return { factory, gateways };
}

/**
 * Opens a host on `folder`, which it makes if there is none, and wakes what has something due. The process ends if the
 * disk refuses writes.
 *
 * @throws SluiceException `CONFLICT` if another process uses the folder.
 */
export function openStandaloneHost(
  options: Pick<StandaloneHostOptions, "folder" | "endpoints" | "filters" | "idle"> &
    Partial<Pick<StandaloneHostOptions, "log" | "onFatal">>,
): StandaloneHost {
  const { onFatal = endProcess } = options;
  return new StandaloneHost({
    clock: systemClock,
    random: systemRandom,
    ids: systemIds,
    log: consoleLogger(),
    ...options,
    onFatal,
    store: openHostStore(options.folder, onFatal),
  });
}

function endProcess(error: unknown): never {
  console.error(error);
  process.exit(1);
}
