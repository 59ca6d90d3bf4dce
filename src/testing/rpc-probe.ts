import type { EndpointContext } from "../rpc/endpoint-context.ts";
import type { GatewayDescriptor } from "../rpc/gateway-descriptor.ts";
import { TestingEndpoint } from "./testing-endpoint.ts";
import type { TestingHandlers } from "./testing-endpoint.ts";
import type { TestingCall } from "./testing-gateway.ts";

/**
 * Stands in for a peer: an endpoint that remembers what it was called with and answers what the test says. Serve
 * {@link endpoint} on a LocalRpcService or a SimulatedPlatform, at the peer's address.
 */
export class RpcProbe<D extends GatewayDescriptor> {
  readonly #gateway: D;
  readonly #handlers: TestingHandlers<D>;
  readonly #calls: TestingCall[] = [];

  /** @param handlers methods without one answer `undefined`. */
  constructor(gateway: D, handlers: TestingHandlers<D> = {}) {
    this.#gateway = gateway;
    this.#handlers = handlers;
  }

  /** All calls so far, oldest first. */
  get calls(): readonly TestingCall[] {
    return [...this.#calls];
  }

  /** Arguments of the calls of one method, oldest first. */
  callsOf(method: keyof D["methods"] & string): readonly (readonly unknown[])[] {
    return this.#calls.filter((call) => call.method === method).map(({ args }) => args);
  }

  get endpoint(): {
    readonly gateways: readonly GatewayDescriptor[];
    readonly factory: (context: EndpointContext) => TestingEndpoint<D>;
  } {
    return {
      gateways: [this.#gateway],
      factory: (context) => new TestingEndpoint(context, { gateway: this.#gateway, handlers: this.#recording() }),
    };
  }

  #recording(): TestingHandlers<D> {
    const methods = Object.keys(this.#gateway.methods).map((method) => {
      const handler: unknown = Reflect.get(this.#handlers, method);
      const recorded = (...args: unknown[]): unknown => {
        this.#calls.push({ method, args });
        return typeof handler === "function" ? Reflect.apply(handler, undefined, args) : undefined;
      };
      return [method, recorded] as const;
    });
    // Built from this very descriptor, method by method, which the compiler does not see through `D`.
    return Object.fromEntries(methods) as unknown as TestingHandlers<D>;
  }
}
