import type { Duration } from "../common/duration.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { RpcGateway } from "./rpc-gateway.ts";

/** What a caller may say about its own calls. */
export interface CallOptions {
  /** How long to wait for replies, instead of what the method declares; never beyond the deadline of the turn that calls. */
  readonly timeout?: Duration;
  /**
   * Aborted: the call fails with a CancellationException, and the callee is told. A call that waits there is dropped
   * unrun; a handler that runs sees `call.signal` aborted, and what it does then is its own affair.
   */
  readonly signal?: AbortSignal;
}

type Adjust = (options: CallOptions) => object;
const adjusters = new WeakMap<object, Adjust>();

/**
 * The same gateway for calls with other options: `await withOptions(counter, { timeout: seconds(1) }).increment(2)`.
 * Order with the calls of the original is kept. Options add up; of two timeouts the later one counts, of two signals
 * each. Tells are not waited for, so options say nothing about them.
 *
 * @throws SluiceException `INVALID_ARGUMENT` if `gateway` was not made by an RpcService or an endpoint.
 */
export function withOptions<Gateway extends RpcGateway>(gateway: Gateway, options: CallOptions): Gateway {
  const adjust = adjusters.get(gateway);
  if (adjust === undefined) {
    throw new SluiceException("INVALID_ARGUMENT", "withOptions: gateway: expected one of an RpcService or an endpoint");
  }
  // Made from the same descriptor.
  return adjust(options) as Gateway;
}

/** @internal makes {@link withOptions} work on `gateway`. */
export function adjustable(gateway: object, adjust: Adjust): void {
  adjusters.set(gateway, adjust);
}

/** @internal `options` on top of `base`. */
export function mergeOptions(base: CallOptions, options: CallOptions): CallOptions {
  const signal =
    base.signal !== undefined && options.signal !== undefined
      ? AbortSignal.any([base.signal, options.signal])
      : (options.signal ?? base.signal);
  const timeout = options.timeout ?? base.timeout;
  return { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
}
