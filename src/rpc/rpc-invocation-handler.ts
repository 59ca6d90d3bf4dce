import type { ScheduledCallback } from "../common/clock.ts";
import { milliseconds } from "../common/duration.ts";
import { fromUnknown } from "../common/exceptions.ts";
import type { SluiceException } from "../common/exceptions.ts";
import type { WireValue } from "../common/wire-value.ts";
import { ROOT_CONTEXT } from "./call-context.ts";
import type { CallContext } from "./call-context.ts";
import { applyFilters } from "./call-filter.ts";
import type { CallObserver } from "./call-filter.ts";
import type { CallOptions } from "./call-options.ts";
import { Deadlines } from "./deadlines.ts";
import type { DeadlineEntry } from "./deadlines.ts";
import { ENVELOPE_VERSION } from "./envelope/v1.ts";
import { TimeoutException } from "./exceptions.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { GatewayDescriptor, MethodDescriptor } from "./gateway-descriptor.ts";
import type { Answerer } from "./fencing/answerer.ts";
import type { StreamRequest } from "./open-streams.ts";
import { OutgoingAsk, OutgoingCancel, OutgoingTell } from "./outgoing-call.ts";
import type { BoundMethod, CallSite, OutgoingCall } from "./outgoing-call.ts";
import type { CapturedArguments, MessageChannel, MessageHead } from "./ports/rpc-channel.ts";
import { StackBudget } from "./stack-budget.ts";
import { consume } from "./stream-consumer.ts";

const NO_OPTIONS: CallOptions = {};

/**
 * The caller's half of a gateway: turns method calls into messages and replies into results (Flink's
 * `InvocationHandler`).
 *
 * A gateway to a fenced endpoint that was given no epoch learns it by a handshake ahead of its first call, and learns
 * again, once per call, when a call was refused as stale: a refused call did not run, so it is sent again.
 */
export class RpcInvocationHandler implements CallSite {
  readonly address: string;
  readonly #descriptor: GatewayDescriptor;
  readonly #caller: GatewayCaller;
  readonly #channel: MessageChannel;
  readonly #givenEpoch: Epoch | undefined;
  readonly #deadlines: Deadlines;
  readonly #methods = new Map<string, BoundMethod>();
  readonly #stacks = new StackBudget();
  #learntEpoch: Epoch | undefined;
  // Calls that wait for the token, in order; undefined while none is being learnt.
  #waiting: OutgoingCall[] | undefined;

  constructor(
    target: { readonly descriptor: GatewayDescriptor; readonly address: string; readonly epoch: Epoch | undefined },
    caller: GatewayCaller,
    channel: MessageChannel,
  ) {
    const { descriptor, address, epoch } = target;
    this.address = address;
    this.#descriptor = descriptor;
    this.#givenEpoch = epoch;
    this.#caller = caller;
    this.#deadlines = new Deadlines(caller.clock, channel.keepsInMemory);
    this.#channel = channel;
  }

  get forgetful(): boolean {
    return this.#caller.forgetful;
  }

  get epoch(): Epoch | undefined {
    return this.#givenEpoch ?? this.#learntEpoch;
  }

  /** Asks the endpoint who it is and whether it serves the gateway (contract K1 to K4, V2, V3). */
  async handshake(context: CallContext = ROOT_CONTEXT): Promise<void> {
    const { name, version, methods } = this.#descriptor;
    const method: BoundMethod = {
      kind: "handshake",
      gateway: name,
      name: "",
      repeatable: true,
      limitMillis: this.#caller.defaultTimeout,
      limitOf: "the service",
      what: () => `handshake(${name} version ${version})`,
      head: undefined,
      cancel: undefined,
    };
    const args = this.#channel.capture(
      [Object.fromEntries(Object.entries(methods).map(([own, { kind }]) => [own, kind]))],
      method.what,
    );
    const call = this.#ask(method, { args, context, observe: undefined }, NO_OPTIONS);
    // Ahead of the calls that wait for what it learns.
    const send = (): void => {
      const nowMillis = this.#now();
      call.begin(nowMillis);
      this.#post(call, nowMillis);
    };
    if (!call.settled) this.#caller.hold({ send, drop: () => call.drop() });
    await call.promise;
  }

  /** A tell: returns at once; what becomes of it is told to the dead letters only (contract A1, P19). */
  tell(method: BoundMethod, args: readonly unknown[]): void {
    const captured = this.#channel.capture(args, method.what);
    const { context, observe } = this.#filtered(method);
    this.#caller.hold(new OutgoingTell(this, { method, args: captured, context, observe }));
  }

  /** An ask: the promise settles with the reply, a transport error, or a timeout naming the phase it reached. */
  ask(method: BoundMethod, args: readonly unknown[], options: CallOptions = NO_OPTIONS): Promise<WireValue> {
    const captured = this.#channel.capture(args, method.what);
    const { context, observe } = this.#filtered(method);
    const call = this.#ask(method, { args: captured, context, observe }, options);
    if (!call.settled) this.#caller.hold(call);
    return call.promise;
  }

  /** A stream: opened when the first item is asked for; arguments are captured now (contract P1). */
  stream(method: BoundMethod, args: readonly unknown[], options: CallOptions = NO_OPTIONS): AsyncIterable<unknown> {
    const captured = this.#channel.capture(args, method.what);
    const { clock } = this.#caller;
    const inherited = this.#caller.context().deadlineMillis ?? Number.POSITIVE_INFINITY;
    const deadlineMillis = Math.min(clock.now() + (options.timeout ?? method.limitMillis), inherited);
    const send = (request: StreamRequest, signal = options.signal): Promise<WireValue> => {
      const timeout = milliseconds(Math.max(0, deadlineMillis - clock.now()));
      const own = "open" in request ? valuesOf(captured) : [];
      return this.ask(method, [request, ...own], { timeout, ...(signal === undefined ? {} : { signal }) });
    };
    // A signal that was aborted would stop the message that tells of it.
    const close = (request: StreamRequest): void =>
      void send(request, new AbortController().signal).catch(() => undefined);
    return consume((request) => send(request), close);
  }

  release(call: OutgoingCall): void {
    if (call.settled) return;
    const nowMillis = this.#now();
    call.begin(nowMillis);
    if (this.#waiting !== undefined) this.#waiting.push(call);
    else if (!this.#descriptor.fenced || this.epoch !== undefined) this.#post(call, nowMillis);
    else this.#learnToken(call);
  }

  accepts(by: Answerer): boolean {
    if (!this.#caller.peers.acceptFrom(by.address ?? this.address, by)) return false;
    this.#learntEpoch = by.epoch;
    return true;
  }

  lost(call: OutgoingCall, error: SluiceException): void {
    this.#deadLetter("unreachable", call, `${error.name}: ${error.message}`);
  }

  dropped(call: OutgoingCall, error: SluiceException): void {
    this.#deadLetter("turn-failed", call, error.message);
  }

  cancel(call: OutgoingCall): void {
    const method = (call.method.cancel ??= { ...call.method, kind: "cancel", repeatable: true, head: undefined });
    const args = this.#channel.capture([], () => "cancel");
    const cancel = new OutgoingCancel(this, {
      method,
      args,
      context: ROOT_CONTEXT,
      observe: undefined,
    });
    cancel.depart(this.#head(method), call.idNumber, undefined);
    this.#channel.post(cancel);
  }

  addDeadline(entry: DeadlineEntry, millis: number, nowMillis: number): void {
    this.#deadlines.add(entry, millis, nowMillis);
  }

  removeDeadline(entry: DeadlineEntry): void {
    this.#deadlines.remove(entry);
  }

  soon(callback: () => void): ScheduledCallback {
    return this.#caller.clock.schedule(0, callback);
  }

  /** What calls of `declaration`, one of the gateway's, are made with: whatever their options, the same object. */
  bind(name: string, declaration: MethodDescriptor): BoundMethod {
    const known = this.#methods.get(name);
    if (known !== undefined) return known;
    const { timeout, idempotent } = declaration.options;
    const { name: gateway } = this.#descriptor;
    const method: BoundMethod = {
      kind: declaration.kind,
      gateway,
      name,
      repeatable: idempotent ?? false,
      limitMillis: timeout ?? this.#caller.defaultTimeout,
      limitOf: timeout === undefined ? "the service" : "the method",
      what: () => `${gateway}.${name}`,
      head: undefined,
      cancel: undefined,
    };
    this.#methods.set(name, method);
    return method;
  }

  /** The context of a call after the filters saw it. @throws what a filter throws. */
  #filtered(method: BoundMethod): { readonly context: CallContext; readonly observe: CallObserver | undefined } {
    const context = this.#caller.context();
    const { filters } = this.#caller;
    if (filters.length === 0) return { context, observe: undefined };
    const call = {
      kind: method.kind === "tell" ? ("tell" as const) : ("ask" as const),
      gateway: method.gateway,
      method: method.name,
      address: this.address,
      depth: context.depth + 1,
      trace: context.trace,
    };
    const observe = applyFilters(filters, call, fromUnknown);
    return { context: call.trace === context.trace ? context : { ...context, trace: call.trace }, observe };
  }

  #ask(
    method: BoundMethod,
    call: {
      readonly args: CapturedArguments;
      readonly context: CallContext;
      readonly observe: CallObserver | undefined;
    },
    { timeout, signal }: CallOptions,
  ): OutgoingAsk {
    const { args, context, observe } = call;
    const ask = new OutgoingAsk(this, {
      method,
      args,
      context,
      observe,
      limitMillis: timeout ?? method.limitMillis,
      limitOf: timeout === undefined ? method.limitOf : "this call",
      // A flood of calls cannot afford it.
      timeout: this.#stacks.take() ? new TimeoutException("") : undefined,
    });
    if (signal !== undefined || context.cancellation !== undefined) ask.endWith(signal);
    return ask;
  }

  /** Not the turn's time: a call that a long turn makes waits as long as any. */
  #now(): number {
    const nowMillis = this.#channel.turnMillis ?? this.#caller.now();
    this.#stacks.refill(nowMillis);
    return nowMillis;
  }

  #post(call: OutgoingCall, nowMillis?: number): void {
    if (call.settled) return;
    const sentWith = this.#givenEpoch === undefined && this.#descriptor.fenced ? this.#learntEpoch : undefined;
    call.depart(this.#head(call.method), this.#caller.nextRequestNumber(), sentWith);
    this.#channel.post(call, nowMillis);
  }

  /** The same object while what it says is the same. */
  #head(method: BoundMethod): MessageHead {
    const { fenced, name, version } = this.#descriptor;
    const epoch = fenced ? (this.epoch ?? null) : null;
    const sender = this.#caller.sender ?? null;
    const { head } = method;
    if (head !== undefined && head.epoch === epoch && head.sender === sender) return head;
    method.head = {
      version: ENVELOPE_VERSION,
      kind: method.kind,
      gateway: name,
      gatewayVersion: version,
      method: method.name,
      epoch,
      sender,
      idPrefix: this.#caller.requestIdPrefix,
    };
    return method.head;
  }

  #learnToken(call: OutgoingCall): void {
    this.#waiting = [call];
    const release = (failure?: SluiceException): void => {
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const waited of waiting) {
        if (failure === undefined) this.#post(waited);
        else waited.failed(failure);
      }
    };
    this.handshake().then(
      () => release(),
      (error: unknown) => release(fromUnknown(error)),
    );
  }

  #deadLetter(reason: "unreachable" | "turn-failed", call: OutgoingCall, detail: string): void {
    this.#caller.deadLetters.record({ reason, message: `${call.text()} to ${this.address}`, detail });
  }
}

/** Copies of what was captured, as it may be captured again. */
function valuesOf(captured: CapturedArguments): readonly unknown[] {
  const values: unknown = typeof captured === "string" ? JSON.parse(captured) : captured.values;
  return Array.isArray(values) ? values : [];
}
