import { systemClock } from "../../common/clock.ts";
import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import { systemIds } from "../../common/ids.ts";
import type { IdSource } from "../../common/ids.ts";
import { silentLogger } from "../../common/log.ts";
import type { Logger } from "../../common/log.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import { fromErrorData } from "../../common/exceptions.ts";
import { ENVELOPE_VERSION } from "../../rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import type { Epoch, Incarnation } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { CallBatcher } from "./call-batcher.ts";
import type { CallSender } from "./call-queue.ts";
import { HeldCalls } from "./held-calls.ts";
import type { MessageSocket } from "./held-protocol.ts";

export interface HttpRpcServiceOptions {
  /** Where the server mounted `createRpcEndpoint`. */
  readonly url: string | URL;
  /**
   * `requests` (default): calls of one turn are one POST. `held`: calls go over a WebSocket that is held while there
   * are any, and for 20 s after; a message costs a tenth of a request. Close the service when it is not needed any more.
   */
  readonly connection?: "requests" | "held";
  /** Bearer token; a function is asked for every batch, or for every connection that is opened. */
  readonly token?: string | (() => string | Promise<string>);
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Default: the platform's `WebSocket`. */
  readonly openSocket?: (url: string, protocol: string) => MessageSocket;
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly log?: Logger;
  /** Default 10 s. */
  readonly defaultTimeout?: Duration;
  readonly filters?: Pick<CallFilters, "outgoing">;
}

/**
 * Calls endpoints over HTTP, from Node, Bun, Deno or a browser; it hosts none. Calls made in one turn leave as one POST,
 * in order; each reply comes as soon as it is there. Calls of later turns are let in behind the earlier ones; on a server
 * that spreads requests over machines (Workers), calls that overlap in time and were made in different turns have no
 * order among each other.
 */
export class HttpRpcService implements RpcService {
  readonly defaultTimeout: Duration;
  readonly deadLetters: DeadLetters;
  readonly filters: CallFilters | undefined;
  readonly #calls: CallSender;
  readonly #gateways: GatewayFactory;

  constructor(options: HttpRpcServiceOptions) {
    const { token, clock = systemClock } = options;
    this.defaultTimeout = options.defaultTimeout ?? DEFAULT_ASK_TIMEOUT;
    this.deadLetters = new DeadLetters(options.log ?? silentLogger);
    this.filters = options.filters;
    const ways = {
      url: new URL(options.url).href,
      clock,
      token: typeof token === "function" ? token : () => token,
      patienceMillis: this.defaultTimeout,
    };
    this.#calls =
      options.connection === "held"
        ? new HeldCalls({ ...ways, openSocket: options.openSocket ?? openSocket })
        : // Called as a function of the global object, which browsers insist on.
          new CallBatcher({ ...ways, fetch: options.fetch ?? ((url, init) => fetch(url, init)) });
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock, ids: options.ids ?? systemIds }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(address: string): RpcChannel {
    return new HttpChannel(address, this.#calls);
  }

  /** Breaks off what is under way: its calls fail, and all later ones. Idempotent. */
  close(): void {
    this.#calls.close();
  }
}

/** @throws RpcConnectionException where there are no WebSockets (Node has them since version 22). */
function openSocket(url: string, protocol: string): MessageSocket {
  if (typeof WebSocket === "undefined") throw new RpcConnectionException("this runtime has no WebSocket");
  return new WebSocket(url, protocol);
}

const FIRST_EPOCH = 1 as Epoch;
const NO_INCARNATION = 0 as Incarnation;

class HttpChannel implements RpcChannel {
  readonly #address: string;
  readonly #calls: CallSender;
  // Of the endpoint, as last heard: what the server's border refuses must not look like a superseded instance's.
  #epoch = FIRST_EPOCH;
  #incarnation = NO_INCARNATION;

  constructor(address: string, calls: CallSender) {
    this.#address = address;
    this.#calls = calls;
  }

  async send(envelope: RequestEnvelope, repeatable = false): Promise<ReplyEnvelope> {
    const outcome = await this.#calls.send(envelope, repeatable);
    switch (outcome.kind) {
      case "reply":
        this.#epoch = outcome.reply.epoch;
        this.#incarnation = outcome.reply.incarnation;
        return { ...outcome.reply, id: envelope.id, address: envelope.endpoint };
      case "refusal":
        return {
          version: ENVELOPE_VERSION,
          id: envelope.id,
          address: `border of ${this.#address}`,
          epoch: this.#epoch,
          incarnation: this.#incarnation,
          outcome: "error",
          error: outcome.error,
        };
      case "unreachable":
        throw fromErrorData(outcome.error);
    }
  }
}
