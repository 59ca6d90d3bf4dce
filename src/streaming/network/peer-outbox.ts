import {
  channelKey,
  type ChannelDelivery,
  type ChannelId,
  type ChannelMessage,
  type CreditGrant,
  type ExchangeFlush,
  type ExchangeLink,
} from "./exchange-link.ts";

/** Records of one call; the rest waits for the next. A channel's credit is less, so a call is far below Workers' 32 MiB. */
const FLUSH_LIMIT_BYTES = 8 * 1024 * 1024;

/** What an outbox tells its owner, always outside any call it made. */
export interface PeerOutboxListener {
  /** Credits that came back with a call. */
  onGrants(grants: readonly CreditGrant[]): void;
  /** The link failed. No further call is made. */
  onBroken(cause: unknown): void;
}

/**
 * Messages and credits for one peer host, over the one link to it. Everything that gathered leaves in one call, and the next call
 * starts when the one before has returned, which keeps channels in order and lets work coalesce.
 */
export class PeerOutbox {
  readonly #link: ExchangeLink;
  readonly #listener: PeerOutboxListener;
  #deliveries = new Map<string, { readonly channel: ChannelId; readonly messages: ChannelMessage[]; bytes: number }>();
  #grants = new Map<string, CreditGrant>();
  #calling = false;
  #closed = false;

  constructor(link: ExchangeLink, listener: PeerOutboxListener) {
    this.#link = link;
    this.#listener = listener;
  }

  get isEmpty(): boolean {
    return this.#deliveries.size === 0 && this.#grants.size === 0;
  }

  send(channel: ChannelId, message: ChannelMessage): void {
    const key = channelKey(channel);
    const delivery = this.#deliveries.get(key) ?? { channel, messages: [], bytes: 0 };
    delivery.messages.push(message);
    if (message.event.kind === "batch") delivery.bytes += message.event.batch.byteLength;
    this.#deliveries.set(key, delivery);
  }

  grant(channel: ChannelId, bytes: number): void {
    const key = channelKey(channel);
    this.#grants.set(key, { channel, bytes: bytes + (this.#grants.get(key)?.bytes ?? 0) });
  }

  /** Removes the grants gathered so far, for the reply of a call that the peer is waiting for. */
  takeGrants(): readonly CreditGrant[] {
    const grants = [...this.#grants.values()];
    this.#grants.clear();
    return grants;
  }

  /** Starts a call with what has gathered, unless one is under way. */
  flush(): void {
    if (this.#calling || this.#closed || this.isEmpty) return;
    this.#calling = true;
    void this.#call().then(
      (grants) => {
        this.#calling = false;
        if (!this.#closed) this.#listener.onGrants(grants);
      },
      (error: unknown) => {
        this.#calling = false;
        if (this.#closed) return;
        this.close();
        this.#listener.onBroken(error);
      },
    );
  }

  /** Drops what waits; the result of a call under way is ignored. The link belongs to whoever opened it. */
  close(): void {
    this.#closed = true;
    this.#deliveries.clear();
    this.#grants.clear();
  }

  async #call(): Promise<readonly CreditGrant[]> {
    const grants = this.takeGrants();
    if (this.#deliveries.size > 0) return this.#link.deliver(this.#takeFlush(grants));
    await this.#link.credit(grants);
    return [];
  }

  #takeFlush(grants: readonly CreditGrant[]): ExchangeFlush {
    const deliveries: ChannelDelivery[] = [];
    let bytes = 0;
    for (const [key, delivery] of this.#deliveries) {
      if (bytes > 0 && bytes + delivery.bytes > FLUSH_LIMIT_BYTES) break;
      bytes += delivery.bytes;
      deliveries.push({ channel: delivery.channel, messages: delivery.messages });
      this.#deliveries.delete(key);
    }
    return { deliveries, grants };
  }
}
