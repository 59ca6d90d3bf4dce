import type { ScheduledCallback } from "../common/clock.ts";
import { fromErrorData, fromUnknown } from "../common/exceptions.ts";
import type { SluiceException } from "../common/exceptions.ts";
import type { WireValue } from "../common/wire-value.ts";
import { ROOT_CONTEXT } from "./call-context.ts";
import type { CallContext } from "./call-context.ts";
import { ENVELOPE_VERSION } from "./envelope/v1.ts";
import type { MessageKind, ReplyEnvelope, RequestEnvelope } from "./envelope/v1.ts";
import {
  FencingTokenException,
  RecipientUnreachableException,
  TimeoutException,
  TurnFailedException,
} from "./exceptions.ts";
import type { Epoch } from "./fencing/epoch.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { GatewayDescriptor } from "./gateway-descriptor.ts";
import type { RpcChannel } from "./ports/rpc-channel.ts";
import { captureInvocation } from "./rpc-invocation.ts";
import type { RpcInvocation } from "./rpc-invocation.ts";

/** One caller's ordered way to one address, shared by all its gateways there. */
export interface OrderedPath {
  readonly channel: RpcChannel;
  /** Number of the last request. */
  seq: number;
}

/** A request on its way: everything but what is known only when it leaves. */
interface Request {
  readonly kind: MessageKind;
  readonly text: string;
  readonly method: string;
  readonly args: readonly WireValue[];
  readonly context: CallContext;
  readonly deadlineMillis: number | undefined;
}

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
  #learntEpoch: Epoch | undefined;
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
    const request = this.#request("handshake", {
      method: "",
      args: [],
      text: `handshake(${this.#descriptor.name} version ${this.#descriptor.version})`,
      limitMillis: this.#caller.defaultTimeout,
      context,
    });
    await this.#withTimeout(request, (settle, phase) =>
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
    const request = this.#request("tell", { ...invocation, limitMillis: undefined, context: this.#caller.context() });
    this.#caller.hold({
      send: () =>
        this.#whenTokenKnown((failure) => {
          if (failure !== undefined) return this.#lost(request, failure);
          // A refusal is the callee's dead letter; a broken transport is this side's.
          this.#path.channel.send(this.#envelope(request)).then(
            (reply) => void this.#received(reply),
            (error: unknown) => this.#lost(request, fromUnknown(error)),
          );
        }),
      drop: () =>
        this.#caller.deadLetters.record({
          reason: "turn-failed",
          message: `${request.text} to ${this.#address}`,
          detail: "the turn that made it threw",
        }),
    });
  }

  /** An ask: the promise settles with the reply, a transport error, or a timeout naming the phase it reached. */
  ask(method: string, args: readonly unknown[]): Promise<WireValue> {
    const invocation = captureInvocation(this.#descriptor, method, args);
    const request = this.#askRequest(invocation);
    const reply = this.#withTimeout(request, (settle, phase) =>
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

  #askRequest(invocation: RpcInvocation): Request {
    const limitMillis = invocation.declaration.options.timeout ?? this.#caller.defaultTimeout;
    return this.#request("ask", { ...invocation, limitMillis, context: this.#caller.context() });
  }

  #request(
    kind: MessageKind,
    call: {
      readonly text: string;
      readonly method: string;
      readonly args: readonly WireValue[];
      readonly limitMillis: number | undefined;
      readonly context: CallContext;
    },
  ): Request {
    const { text, method, args, limitMillis, context } = call;
    const inherited = kind === "tell" ? undefined : context.deadlineMillis;
    const own = limitMillis === undefined ? undefined : this.#caller.clock.now() + limitMillis;
    const deadlineMillis = own === undefined || inherited === undefined ? (own ?? inherited) : Math.min(own, inherited);
    return { kind, text, method, args, context, deadlineMillis };
  }

  /** Sends when the running turn succeeded. */
  #hold(request: Request, settle: (error: SluiceException) => void, send: () => void): void {
    const drop = (): void =>
      settle(new TurnFailedException(`${request.text} to ${this.#address} was not sent: the turn that made it threw`));
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
    this.#path.channel.send(this.#envelope(request)).then(
      (reply) => settle(this.#received(reply)),
      (error: unknown) => settle(fromUnknown(error)),
    );
  }

  #envelope(request: Request): RequestEnvelope {
    const { clock, sender } = this.#caller;
    const { kind, method, args, context, deadlineMillis } = request;
    this.#path.seq += 1;
    return {
      version: ENVELOPE_VERSION,
      kind,
      id: this.#caller.nextRequestId(),
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
    this.#caller.deadLetters.record({
      reason: "unreachable",
      message: `${request.text} to ${this.#address}`,
      detail: `${error.name}: ${error.message}`,
    });
  }

  #withTimeout(
    request: Request,
    begin: (settle: (result: ReplyEnvelope | SluiceException) => void, phase: (name: string) => void) => void,
  ): Promise<WireValue> {
    const { clock } = this.#caller;
    const { promise, resolve, reject } = Promise.withResolvers<WireValue>();
    const startMillis = clock.now();
    // Made here, so that its stack is the caller's (contract O6).
    const timeout = new TimeoutException("");
    let phase = "held by the caller's turn";
    let timer: ScheduledCallback | undefined;
    if (request.deadlineMillis !== undefined) {
      const limitMillis = Math.max(0, request.deadlineMillis - startMillis);
      timer = clock.schedule(limitMillis, () => {
        timeout.message = timeoutText(request, { address: this.#address, limitMillis, phase });
        reject(timeout);
      });
    }
    const settle = (result: ReplyEnvelope | SluiceException): void => {
      timer?.cancel();
      if (result instanceof Error) reject(result);
      // An error reply became an exception in #received.
      else resolve(result.outcome === "value" ? result.value : undefined);
    };
    begin(settle, (name) => (phase = name));
    return promise;
  }
}

function timeoutText(
  request: Request,
  at: { readonly address: string; readonly limitMillis: number; readonly phase: string },
): string {
  const chain = request.context.chain.length === 0 ? "" : `; waiting on behalf of ${request.context.chain.join(" > ")}`;
  return `${request.text} to ${at.address} timed out after ${at.limitMillis} ms (${at.phase}): the callee is slow, waits for the caller, or its reply was lost${chain}`;
}
