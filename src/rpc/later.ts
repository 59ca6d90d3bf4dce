/**
 * The result of a `sync` handler that has to wait: made by `RpcEndpoint.ask(promise, continuation)`, returned to the
 * caller of the handler, settled by a later turn. It is data without methods, so that nobody awaits it by mistake.
 */
export class Later<T> {
  /** @internal settled by the endpoint's own turn queue; a rejection carries the error of the continuation. */
  readonly settled: Promise<T>;

  /** @internal endpoint code gets one from `RpcEndpoint.ask`. */
  constructor(settled: Promise<T>) {
    this.settled = settled;
  }
}
