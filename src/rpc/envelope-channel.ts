import type { Clock } from "../common/clock.ts";
import type { RequestEnvelope } from "./envelope/v1.ts";
import type { CapturedArguments, MessageChannel, OutgoingMessage, RpcChannel } from "./ports/rpc-channel.ts";
import { captureArguments } from "./message-capture.ts";

/** Carries each message as an envelope of its own. */
export class EnvelopeChannel implements MessageChannel {
  readonly turnMillis = undefined;
  readonly keepsInMemory = false;
  readonly #channel: RpcChannel;
  readonly #address: string;
  readonly #clock: Clock;
  #sent = 0;

  constructor(channel: RpcChannel, address: string, clock: Clock) {
    this.#channel = channel;
    this.#address = address;
    this.#clock = clock;
  }

  capture(args: readonly unknown[], what: () => string): CapturedArguments {
    return captureArguments(args, what);
  }

  post(message: OutgoingMessage): void {
    this.#sent += 1;
    this.#channel.send(this.#envelope(message), message.repeatable).then(
      (reply) => {
        if (reply.outcome === "error") message.refused(reply, reply.error);
        else message.replied(reply, reply.value);
      },
      (thrown: unknown) => message.failed(thrown),
    );
  }

  #envelope(message: OutgoingMessage): RequestEnvelope {
    const { head, idNumber, args, deadlineMillis, depth, chain, trace } = message;
    const { version, kind, gateway, gatewayVersion, method, epoch, sender, idPrefix } = head;
    return {
      version,
      kind,
      id: `${idPrefix}${idNumber}`,
      endpoint: this.#address,
      gateway,
      gatewayVersion,
      method,
      args: typeof args === "string" ? [] : args.values,
      attachments: [],
      epoch,
      sender,
      seq: this.#sent,
      remainingMillis: deadlineMillis === undefined ? null : Math.max(0, deadlineMillis - this.#clock.now()),
      depth,
      chain,
      trace,
    };
  }
}
