import { systemClock } from "../../common/clock.ts";
import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import { systemIds } from "../../common/ids.ts";
import type { IdSource } from "../../common/ids.ts";
import { silentLogger } from "../../common/log.ts";
import type { Logger } from "../../common/log.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import { ENVELOPE_VERSION } from "../../rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../rpc/fencing/epoch.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import { GatewayFactory } from "../../rpc/gateway-factory.ts";
import { outsideCaller } from "../../rpc/outside-caller.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { CallBatcher, replyOf } from "./call-batcher.ts";

export interface HttpRpcServiceOptions {
  /** Where the server mounted `createRpcEndpoint`. */
  readonly url: string | URL;
  /** Bearer token; a function is asked for every batch. */
  readonly token?: string | (() => string | Promise<string>);
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
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
  readonly #batcher: CallBatcher;
  readonly #gateways: GatewayFactory;

  constructor(options: HttpRpcServiceOptions) {
    const { token, clock = systemClock } = options;
    this.defaultTimeout = options.defaultTimeout ?? DEFAULT_ASK_TIMEOUT;
    this.deadLetters = new DeadLetters(options.log ?? silentLogger);
    this.filters = options.filters;
    this.#batcher = new CallBatcher({
      url: new URL(options.url).href,
      clock,
      // Called as a function of the global object, which browsers insist on.
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      token: typeof token === "function" ? token : () => token,
      patienceMillis: this.defaultTimeout,
    });
    this.#gateways = new GatewayFactory(outsideCaller({ rpcService: this, clock, ids: options.ids ?? systemIds }));
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    return this.#gateways.connect(descriptor, address, epoch);
  }

  openChannel(address: string): RpcChannel {
    return new HttpChannel(address, this.#batcher);
  }

  /** Breaks off what is under way: its calls fail, and all later ones. Idempotent. */
  close(): void {
    this.#batcher.close();
  }
}

const FIRST_EPOCH = 1 as Epoch;
const NO_INCARNATION = 0 as Incarnation;

class HttpChannel implements RpcChannel {
  readonly #address: string;
  readonly #batcher: CallBatcher;
  #epoch = FIRST_EPOCH;

  constructor(address: string, batcher: CallBatcher) {
    this.#address = address;
    this.#batcher = batcher;
  }

  async send(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    const outcome = await this.#batcher.send(envelope);
    // A refusal comes from the server's border, which knows no epoch: it must not look like one of the endpoint's.
    const reply = replyOf(outcome, {
      version: ENVELOPE_VERSION,
      id: envelope.id,
      address: `border of ${this.#address}`,
      epoch: this.#epoch,
      incarnation: NO_INCARNATION,
    });
    this.#epoch = reply.epoch;
    return reply;
  }
}
