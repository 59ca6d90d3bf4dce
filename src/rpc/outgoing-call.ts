import type { ScheduledCallback } from "../common/clock.ts";
import { fromErrorData, fromUnknown } from "../common/exceptions.ts";
import type { ErrorData, SluiceException } from "../common/exceptions.ts";
import type { WireValue } from "../common/wire-value.ts";
import type { CallContext } from "./call-context.ts";
import type { CallObserver } from "./call-filter.ts";
import type { DeadlineEntry, Instant } from "./deadlines.ts";
import type { MessageKind } from "./envelope/v1.ts";
import {
  CancellationException,
  FencingTokenException,
  RecipientUnreachableException,
  TimeoutException,
  TurnFailedException,
} from "./exceptions.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { Answerer } from "./fencing/answerer.ts";
import type { CapturedArguments, MessageHead, OutgoingMessage } from "./ports/rpc-channel.ts";
import { invocationText } from "./message-capture.ts";
import type { HeldAction } from "./turn.ts";

/** A method as its gateway's caller knows it: what all calls of it have in common. */
export interface BoundMethod {
  readonly kind: MessageKind;
  readonly gateway: string;
  readonly name: string;
  /** Running it twice has the effect of running it once. */
  readonly repeatable: boolean;
  /** How long a call of it waits, and who says so. */
  readonly limitMillis: number;
  readonly limitOf: string;
  /** How errors name it. */
  readonly what: () => string;
  /** The head of the last message. */
  head: MessageHead | undefined;
  /** Tells that nobody waits for such a call any more; made when it is first told. */
  cancel: BoundMethod | undefined;
}

/** A gateway, as the calls through it see it. */
export interface CallSite {
  readonly address: string;
  /** Sends a call, when it may be sent. */
  release(call: OutgoingCall): void;
  /** @returns false if a superseded instance answers. */
  accepts(by: Answerer): boolean;
  /** The token that this gateway knows now. */
  readonly epoch: Epoch | undefined;
  /** No reply to a tell will come. */
  lost(call: OutgoingCall, error: SluiceException): void;
  /** A tell was dropped with the turn that made it. */
  dropped(call: OutgoingCall, error: SluiceException): void;
  /** Tells the callee that nobody waits for an ask any more; whether it is heard is of no matter. */
  cancel(call: OutgoingCall): void;
  addDeadline(entry: DeadlineEntry, millis: number, nowMillis: number): void;
  removeDeadline(entry: DeadlineEntry): void;
  /** A failed ask that nobody looks at is no error of the process. */
  readonly forgetful: boolean;
  /** Calls back in an event of its own, without delay. */
  soon(callback: () => void): ScheduledCallback;
}

/** What a call is made with. */
export interface CallParts {
  readonly method: BoundMethod;
  readonly args: CapturedArguments;
  readonly context: CallContext;
  readonly observe: CallObserver | undefined;
}

/** One message from the moment of the call to its answer: held by its turn, then carried by a channel. */
export abstract class OutgoingCall implements OutgoingMessage, HeldAction {
  readonly method: BoundMethod;
  readonly args: CapturedArguments;
  deadlineMillis: number | undefined = undefined;
  number = 0;
  attempts = 0;
  ranIn: string | undefined = undefined;
  answered = false;
  protected readonly site: CallSite;
  protected readonly context: CallContext;
  protected readonly observe: CallObserver | undefined;
  /** The token it left with, if that one was learnt. */
  protected sentWith: Epoch | undefined = undefined;
  #head: MessageHead | undefined = undefined;
  #idNumber = 0;

  constructor(site: CallSite, parts: CallParts) {
    this.site = site;
    this.method = parts.method;
    this.args = parts.args;
    this.context = parts.context;
    this.observe = parts.observe;
  }

  get head(): MessageHead {
    if (this.#head === undefined) throw new TypeError("a call that was not sent has no head");
    return this.#head;
  }

  get idNumber(): number {
    return this.#idNumber;
  }

  get repeatable(): boolean {
    return this.method.repeatable;
  }

  get depth(): number {
    return this.context.depth + 1;
  }

  get chain(): readonly string[] {
    return this.context.chain;
  }

  get trace(): string | null {
    return this.context.trace;
  }

  /** Nobody waits any more: what was not sent is not. */
  abstract get settled(): boolean;

  get wasSent(): boolean {
    return this.#head !== undefined;
  }

  /** Its turn lets it go: from now on it takes time. A tell is not waited for, so nobody's deadline bounds it. */
  begin(_nowMillis: number): void {}

  /** It leaves now. @param sentWith its token, if that was learnt. */
  depart(head: MessageHead, idNumber: number, sentWith: Epoch | undefined): void {
    this.#head = head;
    this.#idNumber = idNumber;
    this.sentWith = sentWith;
  }

  /** `ask(Counter.increment(number))`: types, never values (contract G10). */
  text(): string {
    const { kind, gateway, name, what } = this.method;
    if (kind === "handshake") return what();
    const args: unknown = typeof this.args === "string" ? JSON.parse(this.args) : this.args.values;
    return invocationText(gateway, name, { kind, args: Array.isArray(args) ? args : [] });
  }

  send(): void {
    this.site.release(this);
  }

  abstract drop(): void;
  abstract replied(by: Answerer, value: WireValue): void;
  abstract refused(by: Answerer, error: ErrorData): void;
  abstract failed(thrown: unknown): void;

  /** Whether it ran there, and whether that counts, is unknown. */
  protected superseded(): SluiceException {
    return new RecipientUnreachableException(`reply of a superseded instance of ${this.site.address}`, {
      retryable: true,
    });
  }
}

/** A tell: nobody waits for it; what becomes of it is told to the dead letters only (contract A1, P19). */
export class OutgoingTell extends OutgoingCall {
  get settled(): boolean {
    return false;
  }

  // Nobody waits for it.
  override get chain(): readonly string[] {
    return NO_CHAIN;
  }

  drop(): void {
    const error = new TurnFailedException("the turn that made it threw");
    this.site.dropped(this, error);
    this.observe?.({ ok: false, error });
  }

  replied(by: Answerer): void {
    const accepted = this.site.accepts(by);
    if (this.observe === undefined) return;
    this.observe(accepted ? { ok: true } : { ok: false, error: this.superseded() });
  }

  /** The callee's dead letter; a broken transport is this side's. */
  refused(by: Answerer, error: ErrorData): void {
    const accepted = this.site.accepts(by);
    this.observe?.({ ok: false, error: accepted ? fromErrorData(error) : this.superseded() });
  }

  failed(thrown: unknown): void {
    const error = fromUnknown(thrown);
    this.observe?.({ ok: false, error });
    this.site.lost(this, error);
  }
}

const NO_CHAIN: readonly string[] = [];

/** Tells that nobody waits for an ask any more; nobody asks whether that was heard. */
export class OutgoingCancel extends OutgoingTell {
  override refused(): void {}
  override failed(): void {}
}

/** What an ask has beside {@link CallParts}. */
export interface AskParts extends CallParts {
  /** How long it waits at most, and who says so. */
  readonly limitMillis: number;
  readonly limitOf: string;
  /** Made with the call, so that its stack is the caller's (contract O6); undefined if it cannot be afforded. */
  readonly timeout: TimeoutException | undefined;
}

/** An ask: its promise settles with the reply, a transport error, or a timeout naming the phase it reached. */
export class OutgoingAsk extends OutgoingCall implements DeadlineEntry {
  readonly promise: Promise<WireValue>;
  instant: Instant | undefined = undefined;
  #limitMillis: number;
  #limitOf: string;
  readonly #timeout: TimeoutException | undefined;
  #settled = false;
  #released = false;
  #again: ResentAsk | undefined = undefined;
  readonly #resolve: (value: WireValue) => void;
  readonly #reject: (error: SluiceException) => void;
  // What to let go of when it settles.
  #held: (() => void)[] | undefined = undefined;

  constructor(site: CallSite, parts: AskParts) {
    super(site, parts);
    this.#limitMillis = parts.limitMillis;
    this.#limitOf = parts.limitOf;
    this.#timeout = parts.timeout;
    const { promise, resolve, reject } = Promise.withResolvers<WireValue>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Ends with the message that the caller serves, and with `signal`: at once if one of them has ended. */
  endWith(signal: AbortSignal | undefined): void {
    if (signal !== undefined) {
      const onAbort = (): void => this.#cancelled(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort);
      this.#holds(() => signal.removeEventListener("abort", onAbort));
    }
    if (this.#settled) return;
    const forget = this.context.cancellation?.onCancel((reason) => {
      // A deadline that passed is this call's own, too.
      if (reason.code !== "TIMEOUT") this.#cancelled(reason);
    });
    if (forget !== undefined) this.#holds(forget);
  }

  /** Waits as long as its limit says, or as its caller's own caller does. */
  override begin(nowMillis: number): void {
    const ownMillis = nowMillis + this.#limitMillis;
    const inheritedMillis = this.context.deadlineMillis ?? Number.POSITIVE_INFINITY;
    this.deadlineMillis = ownMillis;
    if (inheritedMillis < ownMillis) {
      this.deadlineMillis = inheritedMillis;
      this.#limitMillis = Math.max(0, inheritedMillis - nowMillis);
      this.#limitOf = "the turn that called";
    }
    this.site.addDeadline(this, Math.max(nowMillis, this.deadlineMillis), nowMillis);
  }

  #holds(release: () => void): void {
    (this.#held ??= []).push(release);
  }

  override depart(...departure: Parameters<OutgoingCall["depart"]>): void {
    this.#released = true;
    super.depart(...departure);
  }

  drop(): void {
    this.#fail(
      new TurnFailedException(`${this.text()} to ${this.site.address} was not sent: the turn that made it threw`),
    );
  }

  replied(by: Answerer, value: WireValue): void {
    if (!this.site.accepts(by)) return this.#fail(this.superseded());
    if (this.#settled) return;
    this.#settle();
    this.observe?.({ ok: true });
    this.#resolve(value);
  }

  /**
   * Sent once more if its token was learnt and the answer shows that it was too low: then the fence refused the call, and
   * no handler ran.
   */
  refused(by: Answerer, data: ErrorData): void {
    if (!this.site.accepts(by)) return this.#fail(this.superseded());
    const error = fromErrorData(data);
    const { epoch } = this.site;
    const tooLow = this.sentWith !== undefined && epoch !== undefined && this.sentWith < epoch;
    if (tooLow && error instanceof FencingTokenException && this.#again === undefined) {
      const { method, args, context, observe } = this;
      this.#again = new ResentAsk(this.site, { method, args, context, observe }, this);
      this.site.release(this.#again);
    } else this.#fail(error);
  }

  failed(thrown: unknown): void {
    this.#released = true;
    this.#fail(fromUnknown(thrown));
  }

  /** Its deadline is here. The callee knows more: its own answer, if it is as near as that, goes first. */
  expire(): void {
    if (!this.#released) return this.#expired();
    const lastChance = this.site.soon(() => this.#expired());
    this.#holds(() => lastChance.cancel());
  }

  #expired(): void {
    const error = this.#timeout ?? new TimeoutException("");
    const { chain } = this.context;
    const waiting = chain.length === 0 ? "" : `; waiting on behalf of ${chain.join(" > ")}`;
    error.message = `${this.text()} to ${this.site.address} timed out after ${this.#limitMillis} ms, the limit of ${this.#limitOf} (${this.#phase()}): the callee is slow, waits for the caller, or its reply was lost${waiting}`;
    this.#fail(error);
  }

  #phase(): string {
    if (this.#released) return "sent";
    return this.deadlineMillis === undefined ? "held by the caller's turn" : "not sent: its token was awaited";
  }

  #cancelled(cause: unknown): void {
    if (this.#settled) return;
    const sent = this.#again?.wasSent === true ? this.#again : this;
    if (sent.wasSent) this.site.cancel(sent);
    this.#fail(
      new CancellationException(
        `${this.text()} to ${this.site.address} was cancelled by its caller (${this.#phase()})`,
        { cause },
      ),
    );
  }

  #fail(error: SluiceException): void {
    if (this.#settled) return;
    this.#settle();
    this.observe?.({ ok: false, error });
    // Not before it is known to fail: that would take a promise for each call.
    if (this.site.forgetful) this.promise.catch(ignore);
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.site.removeDeadline(this);
    if (this.#held !== undefined) for (const release of this.#held) release();
  }
}

function ignore(): void {}

/** An ask once more, under an id of its own. */
class ResentAsk extends OutgoingCall {
  readonly #ask: OutgoingAsk;

  constructor(site: CallSite, parts: CallParts, ask: OutgoingAsk) {
    super(site, parts);
    this.#ask = ask;
    this.deadlineMillis = ask.deadlineMillis;
  }

  get settled(): boolean {
    return this.#ask.settled;
  }

  drop(): void {
    this.#ask.drop();
  }

  replied(by: Answerer, value: WireValue): void {
    this.#ask.replied(by, value);
  }

  refused(by: Answerer, error: ErrorData): void {
    this.#ask.refused(by, error);
  }

  failed(thrown: unknown): void {
    this.#ask.failed(thrown);
  }
}
