import { SluiceException } from "../../common/exceptions.ts";
import type { ResourceID } from "../../common/ids.ts";
import {
  channelKey,
  type ChannelId,
  type ChannelMessage,
  type CreditGrant,
  type ExchangeFlush,
  type ExchangeLink,
} from "./exchange-link.ts";
import type { InputChannel } from "./input-channel.ts";
import { PeerOutbox } from "./peer-outbox.ts";
import type { ResultSubpartition } from "./result-subpartition.ts";

/** Credits kept for producers that are not deployed yet; the oldest go first. */
const MAX_EARLY_CREDITS = 4_096;

export interface ExchangeRouterOptions {
  readonly self: ResourceID;
  /** Opens a link; called at the first use of a peer, and again after its link broke. */
  readonly links: (peer: ResourceID) => ExchangeLink;
  /** A message that does not fit its channel (missing, repeated, without credit): the consumer fails. */
  readonly onFault: (channel: ChannelId, error: unknown) => void;
  readonly onLinkBroken: (peer: ResourceID, error: SluiceException) => void;
  /** Credits arrived; called in an event of their own. */
  readonly onCredit: () => void;
}

/** Where both ends of a host's channels meet: routes messages and credits to the channel, here or on a peer. */
export class ExchangeRouter {
  readonly #options: ExchangeRouterOptions;
  readonly #inputs = new Map<string, { readonly channel: InputChannel; readonly producer: ResourceID }>();
  readonly #outputs = new Map<string, ResultSubpartition>();
  readonly #outboxes = new Map<ResourceID, PeerOutbox>();
  readonly #earlyCredits = new Map<string, number>();
  #dropped = 0;

  constructor(options: ExchangeRouterOptions) {
    this.#options = options;
  }

  /** Messages for attempts that are not here. */
  get droppedMessages(): number {
    return this.#dropped;
  }

  registerInput(channel: InputChannel, producer: ResourceID): void {
    this.#inputs.set(channelKey(channel.id), { channel, producer });
  }

  /** Credits that came before are given to it at once. */
  registerOutput(subpartition: ResultSubpartition): void {
    const key = channelKey(subpartition.channel);
    this.#outputs.set(key, subpartition);
    const early = this.#earlyCredits.get(key);
    if (early === undefined) return;
    this.#earlyCredits.delete(key);
    subpartition.addCredit(early);
  }

  unregister(channel: ChannelId): void {
    const key = channelKey(channel);
    this.#inputs.delete(key);
    this.#outputs.delete(key);
    this.#earlyCredits.delete(key);
  }

  /** Sends to the consumer's host: at once if it is this one, else with the next flush. */
  send(peer: ResourceID, channel: ChannelId, message: ChannelMessage): void {
    if (peer === this.#options.self) this.#receive(channel, message);
    else this.#outbox(peer)?.send(channel, message);
  }

  /** Sends credit to the producer's host, likewise. */
  grant(peer: ResourceID, channel: ChannelId, bytes: number): void {
    if (peer === this.#options.self) this.#credit({ channel, bytes });
    else this.#outbox(peer)?.grant(channel, bytes);
  }

  /** What a peer delivered; the caller then runs the tasks. */
  receive(flush: ExchangeFlush): void {
    for (const { channel, messages } of flush.deliveries) {
      for (const message of messages) this.#receive(channel, message);
    }
    this.credit(flush.grants);
  }

  credit(grants: readonly CreditGrant[]): void {
    for (const grant of grants) this.#credit(grant);
  }

  /** Credits for the peers that sent `flush`, to go back with the reply. */
  takeGrantsFor(flush: ExchangeFlush): readonly CreditGrant[] {
    const peers = new Set<ResourceID>();
    for (const { channel } of flush.deliveries) {
      const input = this.#inputs.get(channelKey(channel));
      if (input !== undefined) peers.add(input.producer);
    }
    return [...peers].flatMap((peer) => this.#outboxes.get(peer)?.takeGrants() ?? []);
  }

  /** Starts a call to every peer there is something for. */
  flush(): void {
    for (const outbox of this.#outboxes.values()) outbox.flush();
  }

  /** Gives up all links. */
  close(): void {
    for (const outbox of this.#outboxes.values()) outbox.close();
    this.#outboxes.clear();
  }

  #receive(channel: ChannelId, message: ChannelMessage): void {
    const input = this.#inputs.get(channelKey(channel));
    if (input === undefined) {
      this.#dropped += 1;
      return;
    }
    try {
      input.channel.receive(message);
    } catch (error) {
      this.#options.onFault(channel, error);
    }
  }

  #credit(grant: CreditGrant): void {
    const key = channelKey(grant.channel);
    const output = this.#outputs.get(key);
    if (output !== undefined) {
      output.addCredit(grant.bytes);
      return;
    }
    this.#earlyCredits.set(key, grant.bytes + (this.#earlyCredits.get(key) ?? 0));
    if (this.#earlyCredits.size <= MAX_EARLY_CREDITS) return;
    const oldest = this.#earlyCredits.keys().next();
    if (oldest.done !== true) this.#earlyCredits.delete(oldest.value);
  }

  /** `undefined` if no link can be opened; the tasks that need it have failed then. */
  #outbox(peer: ResourceID): PeerOutbox | undefined {
    const known = this.#outboxes.get(peer);
    if (known !== undefined) return known;
    try {
      const outbox = new PeerOutbox(this.#options.links(peer), {
        onGrants: (grants) => {
          this.credit(grants);
          this.#options.onCredit();
        },
        onBroken: (cause) => {
          this.#outboxes.delete(peer);
          this.#broken(peer, cause);
        },
      });
      this.#outboxes.set(peer, outbox);
      return outbox;
    } catch (error) {
      this.#broken(peer, error);
      return undefined;
    }
  }

  #broken(peer: ResourceID, cause: unknown): void {
    const message = `the connection to TaskExecutor ${peer} is broken`;
    this.#options.onLinkBroken(peer, new SluiceException("PARTITION_CONNECTION", message, { cause }));
  }
}
