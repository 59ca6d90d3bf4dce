import { ACKNOWLEDGE } from "../common/acknowledge.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { GatewayDescriptor, GatewayOf } from "../rpc/gateway-descriptor.ts";

/** One call that a testing gateway got. */
export interface TestingCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface TestingGatewayOptions<D extends GatewayDescriptor> {
  /** What some methods do instead. */
  readonly overrides?: Partial<GatewayOf<D>>;
  /** Told of every call, before it is answered. */
  readonly onCall?: (call: TestingCall) => void;
}

/**
 * A gateway without an endpoint behind it, for tests of its callers: tells are taken, commands acknowledge, and queries (methods
 * declared `readOnly`) reject with UNSUPPORTED_OPERATION, unless `overrides` says otherwise.
 */
export function testingGateway<D extends GatewayDescriptor>(
  descriptor: D,
  { overrides = {}, onCall }: TestingGatewayOptions<D> = {},
): GatewayOf<D> {
  const gateway: Record<string, unknown> = { getAddress: () => `testing/${descriptor.name}` };
  if (descriptor.fenced) gateway["getFencingToken"] = () => 1;
  for (const [method, { kind, options }] of Object.entries(descriptor.methods)) {
    const override: unknown = Reflect.get(overrides, method);
    gateway[method] = (...args: unknown[]): unknown => {
      onCall?.({ method, args });
      if (typeof override === "function") {
        const answer: unknown = Reflect.apply(override, undefined, args);
        return answer;
      }
      if (kind === "tell") return undefined;
      return options.readOnly === true
        ? Promise.reject(new SluiceException("UNSUPPORTED_OPERATION", `${descriptor.name}.${method}`))
        : Promise.resolve(ACKNOWLEDGE);
    };
  }
  // Built from this very descriptor, method by method.
  return gateway as GatewayOf<D>;
}
