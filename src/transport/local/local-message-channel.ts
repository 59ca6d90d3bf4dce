import type { CapturedArguments, MessageChannel, OutgoingMessage } from "../../rpc/ports/rpc-channel.ts";
import { captureArguments } from "../../rpc/message-capture.ts";

const RESOLVED = Promise.resolve();

/** Carries messages within the process. One is never handled on its sender's stack; microtasks keep the order. */
export class LocalMessageChannel implements MessageChannel {
  readonly turnMillis = undefined;
  readonly keepsInMemory = false;
  readonly #deliver: (message: OutgoingMessage) => void;

  constructor(deliver: (message: OutgoingMessage) => void) {
    this.#deliver = deliver;
  }

  capture(args: readonly unknown[], what: () => string): CapturedArguments {
    return captureArguments(args, what);
  }

  post(message: OutgoingMessage): void {
    void RESOLVED.then(() => this.#deliver(message));
  }
}
