import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { fromUnknown } from "../../common/exceptions.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import { RecipientUnreachableException, RpcConnectionException } from "../../rpc/exceptions.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import type { FaultSource } from "./fault-source.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Who sends: an activation, or a caller outside. */
export interface NetworkSender {
  readonly address: string;
  /** Its output gate. */
  whenConfirmed(send: () => void): void;
}

/** An activation as its callers reach it. */
export interface NetworkReceiver extends NetworkSender {
  readonly alive: boolean;
  receive(envelope: RequestEnvelope): Promise<ReplyEnvelope>;
}

export interface NetworkTiming {
  /** One way, without faults. */
  readonly latencyMillis: readonly [least: number, most: number];
}

/** What the network reports to whoever checks a run. */
export interface NetworkObserver {
  /** A receiver gets a request now. */
  onDelivered?(envelope: RequestEnvelope, receiver: NetworkReceiver): void;
  /** A receiver has answered; before anybody knows. */
  onReply?(envelope: RequestEnvelope, reply: ReplyEnvelope, receiver: NetworkReceiver): void;
  /** The answer leaves: what it says is durable. */
  onAnswered?(envelope: RequestEnvelope, reply: ReplyEnvelope, receiver: NetworkReceiver): void;
}

export interface SimulatedNetworkOptions {
  readonly time: VirtualTime;
  readonly faults: FaultSource;
  readonly timing: NetworkTiming;
  readonly observer: NetworkObserver;
  readonly record: (line: string) => void;
  /** Whether a method may be carried out twice. */
  readonly mayRepeat: (envelope: RequestEnvelope) => boolean;
  /** The current activation of an address, brought to life if need be; `undefined` if there can be none. */
  readonly resolve: (address: string) => NetworkReceiver | undefined;
}

/** One ordered way from a sender to an address. */
interface Link {
  readonly sender: NetworkSender;
  readonly address: string;
  readonly calls: Set<Call>;
  requestDueMillis: number;
  replyDueMillis: number;
  /** A superseded instance that this connection still leads to. */
  stuckTo: NetworkReceiver | undefined;
}

interface Call {
  readonly link: Link;
  readonly envelope: RequestEnvelope;
  readonly order: number;
  readonly resolve: (reply: ReplyEnvelope) => void;
  readonly reject: (error: SluiceException) => void;
  receiver: NetworkReceiver | undefined;
}

const LONG_DELAY_MILLIS = [100, 15_000] as const;
const SLOW_PEER_MILLIS = [500, 12_000] as const;
/** Chance that a connection to a superseded instance goes on leading there, and that a loss is noticed at all. */
const STICKS = 0.5;
const NOTICED = 0.5;

/**
 * Carries envelopes between the objects of a simulation: in order on each link, with delays that differ from link to link, and
 * with everything that can happen to messages. The RPC layer above it is the real one.
 */
export class SimulatedNetwork {
  readonly #options: SimulatedNetworkOptions;
  readonly #links = new Set<Link>();
  readonly #isolated = new Map<string, number>();
  readonly #slow = new Map<string, number>();
  readonly #lastDelivered = new Map<string, number>();
  #order = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
  }

  /** Calls without an answer. */
  get pendingCalls(): number {
    let pending = 0;
    for (const { calls } of this.#links) pending += calls.size;
    return pending;
  }

  /** Who holds connections. */
  get senders(): ReadonlySet<NetworkSender> {
    return new Set(Array.from(this.#links, ({ sender }) => sender));
  }

  openChannel(sender: NetworkSender, address: string): RpcChannel {
    const link: Link = {
      sender,
      address,
      calls: new Set(),
      requestDueMillis: 0,
      replyDueMillis: 0,
      stuckTo: undefined,
    };
    this.#links.add(link);
    return {
      send: (envelope) => {
        const { promise, resolve, reject } = Promise.withResolvers<ReplyEnvelope>();
        sender.whenConfirmed(() => {
          const call: Call = { link, envelope, order: (this.#order += 1), resolve, reject, receiver: undefined };
          link.calls.add(call);
          this.#transmit(call);
        });
        return promise;
      },
    };
  }

  /** Nobody reaches the address, and it reaches nobody, for a while. */
  isolate(address: string, millis: number): void {
    this.#isolated.set(address, this.#options.time.now() + millis);
  }

  /** Messages to and from the address take long, for a while. */
  slowDown(address: string, millis: number): void {
    this.#slow.set(address, this.#options.time.now() + millis);
  }

  /** Whether nothing passes between the two now. */
  isPartitioned(...ends: readonly string[]): boolean {
    const now = this.#options.time.now();
    return ends.some((end) => (this.#isolated.get(end) ?? 0) > now);
  }

  heal(): void {
    this.#isolated.clear();
    this.#slow.clear();
  }

  /** The sender's activation is over: nobody waits for its calls. */
  forgetSender(sender: NetworkSender): void {
    for (const link of this.#links) if (link.sender === sender) this.#links.delete(link);
  }

  /** Some of the connections to an instance that was superseded go on leading to it. */
  superseded(receiver: NetworkReceiver): void {
    const { faults } = this.#options;
    for (const link of this.#links) {
      if (link.address === receiver.address && faults.random.chance(STICKS)) link.stuckTo = receiver;
    }
  }

  /** The receiver is gone: calls that it has and did not answer fail. */
  receiverLost(receiver: NetworkReceiver, reason: string): void {
    for (const link of this.#links) {
      for (const call of link.calls) {
        if (call.receiver === receiver) this.#fail(call, unreachable(link.address, reason));
      }
    }
  }

  #transmit(call: Call): void {
    const { faults, time } = this.#options;
    const { link } = call;
    const text = textOf(call);
    if (this.isPartitioned(link.sender.address, link.address)) return this.#lose(call, "partition");
    if (faults.strikes("link-broken", text)) return this.#breakLink(link);
    if (faults.strikes("request-lost", text)) return this.#forget(call);
    link.requestDueMillis = Math.max(link.requestDueMillis, time.now() + this.#latency(link, text));
    this.#at(link.requestDueMillis, () => this.#deliver(call));
    if (this.#options.mayRepeat(call.envelope) && faults.strikes("message-duplicated", text)) {
      link.requestDueMillis += this.#latency(link, text);
      this.#at(link.requestDueMillis, () => this.#deliver({ ...call, resolve: ignore, reject: ignore }));
    }
  }

  #deliver(call: Call): void {
    const { faults, observer, record } = this.#options;
    const { link, envelope } = call;
    if (this.isPartitioned(link.sender.address, link.address)) return this.#lose(call, "partition");
    // A call that was lost with its link is not delivered, its copy may be.
    if (!link.calls.has(call) && call.resolve !== ignore) return;
    let receiver: NetworkReceiver | undefined;
    try {
      receiver = link.stuckTo?.alive === true ? link.stuckTo : this.#options.resolve(link.address);
    } catch (error) {
      return this.#fail(call, fromUnknown(error));
    }
    if (receiver === undefined) {
      return this.#fail(call, new RpcConnectionException(`${link.address}: no such endpoint`));
    }
    const last = this.#lastDelivered.get(link.address) ?? 0;
    if (call.order < last) faults.happened("message-reordered", textOf(call));
    else this.#lastDelivered.set(link.address, call.order);
    record(`-> ${textOf(call)}`);
    const taken = receiver;
    call.receiver = taken;
    observer.onDelivered?.(envelope, taken);
    void taken.receive(envelope).then((reply) => {
      observer.onReply?.(envelope, reply, taken);
      taken.whenConfirmed(() => {
        observer.onAnswered?.(envelope, reply, taken);
        this.#reply(call, reply);
      });
    });
  }

  #reply(call: Call, reply: ReplyEnvelope): void {
    const { faults, time, record } = this.#options;
    const { link } = call;
    if (!link.calls.has(call)) return;
    if (this.isPartitioned(link.sender.address, link.address)) return this.#lose(call, "partition");
    if (faults.strikes("reply-lost", textOf(call))) return this.#lose(call, "reply lost");
    // On its way: the end of the receiver does not take it back.
    call.receiver = undefined;
    link.replyDueMillis = Math.max(link.replyDueMillis, time.now() + this.#latency(link, textOf(call)));
    this.#at(link.replyDueMillis, () => {
      if (!link.calls.delete(call)) return;
      record(`<- ${textOf(call)} ${reply.outcome === "error" ? reply.error.code : "ok"}`);
      call.resolve(reply);
    });
  }

  #breakLink(link: Link): void {
    for (const call of link.calls) this.#fail(call, broken(link.address));
    link.stuckTo = undefined;
  }

  /** Lost on the way there or back; the sender learns it now, or by its deadline only. */
  #lose(call: Call, reason: string): void {
    if (this.#options.faults.random.chance(NOTICED)) this.#fail(call, broken(call.link.address, reason));
    else this.#forget(call);
  }

  #fail(call: Call, error: SluiceException): void {
    const { link } = call;
    if (!link.calls.delete(call)) return;
    this.#at(this.#options.time.now() + this.#baseLatency(), () => {
      this.#options.record(`<- ${textOf(call)} ${error.code}`);
      call.reject(error);
    });
  }

  #forget(call: Call): void {
    call.link.calls.delete(call);
  }

  #latency({ sender, address }: Link, text: string): number {
    const { faults, time } = this.#options;
    let millis = this.#baseLatency();
    if (faults.strikes("message-delayed", text)) millis += faults.random.between(...LONG_DELAY_MILLIS);
    if ([sender.address, address].some((end) => (this.#slow.get(end) ?? 0) > time.now())) {
      millis += faults.random.between(...SLOW_PEER_MILLIS);
    }
    return millis;
  }

  #baseLatency(): number {
    return this.#options.faults.random.between(...this.#options.timing.latencyMillis);
  }

  #at(dueMillis: number, run: () => void): void {
    this.#options.time.schedule(dueMillis - this.#options.time.now(), run, this);
  }
}

function ignore(): void {}

function broken(address: string, reason = "the link broke"): SluiceException {
  return new RpcConnectionException(`connection to ${address}: ${reason}`, { retryable: true });
}

function unreachable(address: string, reason: string): SluiceException {
  return new RecipientUnreachableException(`${address} was reset: ${reason}`, { retryable: true });
}

function textOf({ link, envelope }: Call): string {
  const what = envelope.kind === "handshake" ? `${envelope.gateway}?` : `${envelope.gateway}.${envelope.method}`;
  return `${shortName(link.sender.address)} ${what} ${shortName(link.address)}`;
}

/** `task-executor/<start of the id>`. */
export function shortName(address: string): string {
  const segments = address.split("/");
  const [kind = "", id = ""] = segments.slice(-2);
  const worker = /-te-\d+$/.exec(id)?.[0] ?? "";
  return segments.length < 2 ? address : `${kind}/${id.slice(0, 6)}${worker}`;
}
