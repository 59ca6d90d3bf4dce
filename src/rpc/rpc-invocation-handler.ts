import type { ScheduledCallback } from "../common/clock.ts";
import { fromErrorData, fromUnknown } from "../common/exceptions.ts";
import type { SluiceException } from "../common/exceptions.ts";
import type { WireValue } from "../common/wire-value.ts";
import { milliseconds } from "../common/duration.ts";
import { ROOT_CONTEXT } from "./call-context.ts";
import type { CallContext } from "./call-context.ts";
import { applyFilters } from "./call-filter.ts";
import type { CallObserver } from "./call-filter.ts";
import type { CallOptions } from "./call-options.ts";
import { ENVELOPE_VERSION } from "./envelope/v1.ts";
import type { MessageKind, ReplyEnvelope, RequestEnvelope } from "./envelope/v1.ts";
import { Deadlines } from "./deadlines.ts";
import {
  CancellationException,
  FencingTokenException,
  RecipientUnreachableException,
  TimeoutException,
  TurnFailedException,
} from "./exceptions.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { GatewayDescriptor } from "./gateway-descriptor.ts";
import type { RpcChannel } from "./ports/rpc-channel.ts";
import type { StreamRequest } from "./open-streams.ts";
import { StackBudget } from "./stack-budget.ts";
import { captureInvocation } from "./rpc-invocation.ts";
import type { RpcInvocation } from "./rpc-invocation.ts";
import { consume } from "./stream-consumer.ts";

/** One caller's ordered way to one address, shared by all its gateways there. */
export interface OrderedPath {
  readonly channel: RpcChannel;
  /** Number of the last request. */
  seq: number;
}

/** A request on its way: everything but what is known only when it leaves. */
interface Request {
  readonly kind: MessageKind;
  readonly text: () => string;
  readonly method: string;
  readonly args: readonly WireValue[];
  readonly context: CallContext;
  readonly madeMillis: number;
  readonly deadlineMillis: number | undefined;
  /** Who set the deadline. */
  readonly limitOf: string;
  readonly observe: CallObserver | undefined;
  /** Running it twice has the effect of running it once. */
  readonly repeatable: boolean;
  /** Id with which it left, the last time; undefined before. */
  sentId: string | undefined;
  /** Nobody waits any more: what was not sent is not. */
  settled: boolean;
}

const NO_OPTIONS: CallOptions = {};

/**
 * The caller's half of a gateway: turns method calls into envelopes and replies into results (Flink's
 * `InvocationHandler`).
 *
 * A gateway to a fenced endpoint that was given no epoch learns it by a handshake ahead of its first call, and learns
 * again, once per call, when a call was refused as stale: a refused call did not run, so it is sent again.
 */
export class RpcInvocationHandler {
  readonly #descriptor: GatewayDescriptor;
  readonly #address: string;
  readonly #caller: GatewayCaller;
  readonly #path: OrderedPath;
  readonly #givenEpoch: Epoch | undefined;
  readonly #deadlines: Deadlines;
  #learntEpoch: Epoch | undefined;
  readonly #stacks = new StackBudget();
  // Calls that wait for the token, in order; undefined while none is being learnt.
  #waiting: ((failure?: SluiceException) => void)[] | undefined;

  constructor(
    target: { readonly descriptor: GatewayDescriptor; readonly address: string; readonly epoch: Epoch | undefined },
    caller: GatewayCaller,
    path: OrderedPath,
  ) {
    this.#descriptor = target.descriptor;
    this.#address = target.address;
    this.#givenEpoch = target.epoch;
    this.#caller = caller;
    this.#deadlines = new Deadlines(caller.clock);
    this.#path = path;
  }

  get address(): string {
    return this.#address;
  }

  get epoch(): Epoch | undefined {
    return this.#givenEpoch ?? this.#learntEpoch;
  }

  /** Asks the endpoint who it is and whether it serves the gateway (contract K1 to K4, V2, V3). */
  async handshake(context: CallContext = ROOT_CONTEXT): Promise<void> {
    const { name, version, methods } = this.#descriptor;
    const request = this.#request("handshake", {
      method: "",
      args: [Object.fromEntries(Object.entries(methods).map(([method, { kind }]) => [method, kind]))],
      text: () => `handshake(${name} version ${version})`,
      limitMillis: this.#caller.defaultTimeout,
      context,
      observe: undefined,
    });
    await this.#withTimeout(request, undefined, (settle, phase) =>
      this.#hold(request, settle, () => {
        phase("sent");
        this.#send(request, settle);
      }),
    );
  }

  /** A tell: returns at once; what becomes of it is told to the dead letters only (contract A1, P19). */
  tell(method: string, args: readonly unknown[]): void {
    const invocation = captureInvocation(this.#descriptor, method, args);
    // A tell is not waited for, so nobody's deadline bounds it.
    const request = this.#request("tell", { ...invocation, limitMillis: undefined, ...this.#filtered(invocation) });
    this.#caller.hold({
      send: () =>
        this.#whenTokenKnown((failure) => {
          if (failure !== undefined) return this.#lost(request, failure);
          // A refusal is the callee's dead letter; a broken transport is this side's.
          this.#path.channel.send(this.#envelope(request), request.repeatable).then(
            (reply) => {
              const received = this.#received(reply);
              request.observe?.(received instanceof Error ? { ok: false, error: received } : { ok: true });
            },
            (error: unknown) => this.#lost(request, fromUnknown(error)),
          );
        }),
      drop: () => {
        const error = new TurnFailedException("the turn that made it threw");
        this.#caller.deadLetters.record({
          reason: "turn-failed",
          message: `${request.text()} to ${this.#address}`,
          detail: error.message,
        });
        request.observe?.({ ok: false, error });
      },
    });
  }

  /** An ask: the promise settles with the reply, a transport error, or a timeout naming the phase it reached. */
  ask(method: string, args: readonly unknown[], options: CallOptions = NO_OPTIONS): Promise<WireValue> {
    const invocation = captureInvocation(this.#descriptor, method, args);
    const declared = invocation.declaration.options.timeout;
    const limitMillis = options.timeout ?? declared ?? this.#caller.defaultTimeout;
    const limitOf = options.timeout !== undefined ? "this call" : declared !== undefined ? "the method" : "the service";
    const request = this.#request("ask", { ...invocation, limitMillis, limitOf, ...this.#filtered(invocation) });
    const reply = this.#withTimeout(request, options.signal, (settle, phase) =>
      this.#hold(request, settle, () =>
        this.#whenTokenKnown((failure) => {
          phase("sent");
          if (failure === undefined) this.#sendRefreshing(request, settle);
          else settle(failure);
        }),
      ),
    );
    if (this.#caller.forgetful) reply.catch(() => undefined);
    return reply;
  }

  /** A stream: opened when the first item is asked for; arguments are captured now (contract P1). */
  stream(method: string, args: readonly unknown[], options: CallOptions = NO_OPTIONS): AsyncIterable<unknown> {
    const { declaration, args: captured } = captureInvocation(this.#descriptor, method, args);
    const { clock, defaultTimeout } = this.#caller;
    const inherited = this.#caller.context().deadlineMillis ?? Number.POSITIVE_INFINITY;
    const own = clock.now() + (options.timeout ?? declaration.options.timeout ?? defaultTimeout);
    const deadlineMillis = Math.min(own, inherited);
    const send = (request: StreamRequest, signal = options.signal): Promise<WireValue> => {
      const timeout = milliseconds(Math.max(0, deadlineMillis - clock.now()));
      return this.ask(method, "open" in request ? [request, ...captured] : [request], {
        timeout,
        ...(signal === undefined ? {} : { signal }),
      });
    };
    // A signal that was aborted would stop the message that tells of it.
    const close = (request: StreamRequest): void =>
      void send(request, new AbortController().signal).catch(() => undefined);
    return consume((request) => send(request), close);
  }

  /** The context of a call after the filters saw it. @throws what a filter throws. */
  #filtered({ method, declaration }: RpcInvocation): Pick<Request, "context" | "observe"> {
    const context = this.#caller.context();
    const { filters } = this.#caller;
    if (filters.length === 0) return { context, observe: undefined };
    const call = {
      kind: declaration.kind,
      gateway: this.#descriptor.name,
      method,
      address: this.#address,
      depth: context.depth + 1,
      trace: context.trace,
    };
    const observe = applyFilters(filters, call, fromUnknown);
    return { context: call.trace === context.trace ? context : { ...context, trace: call.trace }, observe };
  }

  #request(
    kind: MessageKind,
    call: {
      readonly text: () => string;
      readonly method: string;
      readonly args: readonly WireValue[];
      readonly limitMillis: number | undefined;
      readonly limitOf?: string;
      readonly context: CallContext;
      readonly observe: CallObserver | undefined;
    },
  ): Request {
    const { text, method, args, limitMillis, limitOf = "the service", context, observe } = call;
    const inherited = kind === "tell" ? undefined : context.deadlineMillis;
    const madeMillis = this.#caller.clock.now();
    const own = limitMillis === undefined ? undefined : madeMillis + limitMillis;
    const deadlineMillis = own === undefined || inherited === undefined ? (own ?? inherited) : Math.min(own, inherited);
    const repeatable = kind === "handshake" || (this.#descriptor.methods[method]?.options.idempotent ?? false);
    return {
      kind,
      text,
      method,
      args,
      context,
      madeMillis,
      deadlineMillis,
      limitOf: deadlineMillis === own ? limitOf : "the turn that called",
      observe,
      repeatable,
      sentId: undefined,
      settled: false,
    };
  }

  /** Sends when the running turn succeeded. */
  #hold(request: Request, settle: (error: SluiceException) => void, send: () => void): void {
    const drop = (): void =>
      settle(
        new TurnFailedException(`${request.text()} to ${this.#address} was not sent: the turn that made it threw`),
      );
    this.#caller.hold({ send, drop });
  }

  /**
   * Sends; once more if the token was learnt and the answer shows that it was too low: then the fence refused the call,
   * and no handler ran.
   */
  #sendRefreshing(request: Request, settle: (result: ReplyEnvelope | SluiceException) => void): void {
    const sentWith = this.#givenEpoch === undefined && this.#descriptor.fenced ? this.#learntEpoch : undefined;
    this.#send(request, (result) => {
      const tooLow = sentWith !== undefined && this.#learntEpoch !== undefined && sentWith < this.#learntEpoch;
      if (tooLow && result instanceof FencingTokenException) this.#send(request, settle);
      else settle(result);
    });
  }

  #send(request: Request, settle: (result: ReplyEnvelope | SluiceException) => void): void {
    if (request.settled) return;
    this.#path.channel.send(this.#envelope(request), request.repeatable).then(
      (reply) => settle(this.#received(reply)),
      (error: unknown) => settle(fromUnknown(error)),
    );
  }

  #envelope(request: Request): RequestEnvelope {
    const { clock, sender } = this.#caller;
    const { kind, method, args, context, deadlineMillis } = request;
    this.#path.seq += 1;
    request.sentId = this.#caller.nextRequestId();
    return {
      version: ENVELOPE_VERSION,
      kind,
      id: request.sentId,
      endpoint: this.#address,
      gateway: this.#descriptor.name,
      gatewayVersion: this.#descriptor.version,
      method,
      args,
      attachments: [],
      epoch: this.#descriptor.fenced ? (this.epoch ?? null) : null,
      sender: sender ?? null,
      seq: this.#path.seq,
      remainingMillis: deadlineMillis === undefined ? null : Math.max(0, deadlineMillis - clock.now()),
      depth: context.depth + 1,
      // Nobody waits for a tell.
      chain: kind === "tell" ? [] : context.chain,
      trace: context.trace,
    };
  }

  /** Tells the callee that nobody waits; whether it is heard is of no matter. */
  #cancel(request: Request, sentId: string): void {
    const cancel: RequestEnvelope = {
      ...this.#envelope(request),
      kind: "cancel",
      id: sentId,
      args: [],
      remainingMillis: null,
    };
    this.#path.channel.send(cancel, true).catch(() => undefined);
  }

  #received(reply: ReplyEnvelope): ReplyEnvelope | SluiceException {
    const { address, epoch, incarnation } = reply;
    if (!this.#caller.peers.accept({ address, epoch, incarnation })) {
      // Whether it ran there, and whether that counts, is unknown.
      return new RecipientUnreachableException(`reply of a superseded instance of ${address}`, { retryable: true });
    }
    this.#learntEpoch = epoch;
    return reply.outcome === "error" ? fromErrorData(reply.error) : reply;
  }

  /** Runs `then` when calls may be sent: at once, unless the token of a fenced endpoint has to be learnt first. */
  #whenTokenKnown(then: (failure?: SluiceException) => void): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(then);
    if (!this.#descriptor.fenced || this.epoch !== undefined) return then();
    this.#waiting = [then];
    const release = (failure?: SluiceException): void => {
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const resume of waiting) resume(failure);
    };
    this.handshake().then(
      () => release(),
      (error: unknown) => release(fromUnknown(error)),
    );
  }

  #lost(request: Request, error: SluiceException): void {
    request.observe?.({ ok: false, error });
    this.#caller.deadLetters.record({
      reason: "unreachable",
      message: `${request.text()} to ${this.#address}`,
      detail: `${error.name}: ${error.message}`,
    });
  }

  #withTimeout(
    request: Request,
    signal: AbortSignal | undefined,
    begin: (settle: (result: ReplyEnvelope | SluiceException) => void, phase: (name: string) => void) => void,
  ): Promise<WireValue> {
    const { clock } = this.#caller;
    const { promise, resolve, reject } = Promise.withResolvers<WireValue>();
    const { madeMillis: startMillis } = request;
    // Made here, so that its stack is the caller's (contract O6); a flood of calls cannot afford it.
    const timeout = this.#stacks.take(startMillis) ? new TimeoutException("") : undefined;
    let phase = "held by the caller's turn";
    let timer: ScheduledCallback | undefined;
    let ignoreCancellation: (() => void) | undefined;
    const settle = (result: ReplyEnvelope | SluiceException): void => {
      if (request.settled) return;
      request.settled = true;
      timer?.cancel();
      ignoreCancellation?.();
      signal?.removeEventListener("abort", onAbort);
      if (result instanceof Error) {
        request.observe?.({ ok: false, error: result });
        reject(result);
        return;
      }
      request.observe?.({ ok: true });
      // An error reply became an exception in #received.
      resolve(result.outcome === "value" ? result.value : undefined);
    };
    const cancelled = (cause: unknown): void => {
      if (request.settled) return;
      if (request.sentId !== undefined) this.#cancel(request, request.sentId);
      settle(
        new CancellationException(`${request.text()} to ${this.#address} was cancelled by its caller (${phase})`, {
          cause,
        }),
      );
    };
    const onAbort = (): void => cancelled(signal?.reason);
    if (signal?.aborted === true) {
      onAbort();
      return promise;
    }
    signal?.addEventListener("abort", onAbort);
    ignoreCancellation = request.context.cancellation?.onCancel((reason) => {
      // A deadline that passed is this call's own, too.
      if (reason.code !== "TIMEOUT") cancelled(reason);
    });
    if (request.settled) return promise;
    if (request.deadlineMillis !== undefined) {
      const limitMillis = Math.max(0, request.deadlineMillis - startMillis);
      const expire = (): void => {
        const error = timeout ?? new TimeoutException("");
        error.message = timeoutText(request, { address: this.#address, limitMillis, phase });
        settle(error);
      };
      timer = this.#deadlines.add(startMillis + limitMillis, () => {
        // The callee knows more: its own answer at the deadline, if it is as near as that, goes first.
        if (phase === "sent") timer = clock.schedule(0, expire);
        else expire();
      });
    }
    begin(settle, (name) => (phase = name));
    return promise;
  }
}

function timeoutText(
  request: Request,
  at: { readonly address: string; readonly limitMillis: number; readonly phase: string },
): string {
  const chain = request.context.chain.length === 0 ? "" : `; waiting on behalf of ${request.context.chain.join(" > ")}`;
  return `${request.text()} to ${at.address} timed out after ${at.limitMillis} ms, the limit of ${request.limitOf} (${at.phase}): the callee is slow, waits for the caller, or its reply was lost${chain}`;
}
