import type { ScheduledCallback } from "../common/clock.ts";
import { fromUnknown, SluiceException, toErrorData } from "../common/exceptions.ts";
import { copyMeasured } from "../common/wire-value.ts";
import type { WireValue } from "../common/wire-value.ts";
import { Cancellation } from "./cancellation.ts";
import { applyFilters } from "./call-filter.ts";
import type { CallObserver, IncomingCall } from "./call-filter.ts";
import { MAX_CALL_DEPTH } from "./call-context.ts";
import type { CallContext } from "./call-context.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import { ENVELOPE_VERSION, parseRequestEnvelope } from "./envelope/v1.ts";
import type { HandshakeReply, ReplyEnvelope, RequestEnvelope } from "./envelope/v1.ts";
import {
  CallDepthException,
  CancellationException,
  EndpointNotStartedException,
  FencingTokenException,
  HandshakeException,
  RecipientUnreachableException,
  RpcConnectionException,
  RpcOverloadedException,
  TimeoutException,
  UnknownMessageException,
} from "./exceptions.ts";
import type { Identity } from "./fencing/identity.ts";
import type { GatewayDescriptor, MethodDescriptor } from "./gateway-descriptor.ts";
import type { HostPorts } from "./host-ports.ts";
import { Later } from "./later.ts";
import type { Work } from "./main-thread.ts";
import { DiagnosticsGateway, MethodMeters } from "./method-counters.ts";
import type { MethodMeter } from "./method-counters.ts";
import type { EndpointInternals, RpcEndpoint } from "./rpc-endpoint.ts";
import { OpenStreams, parseStreamRequest } from "./open-streams.ts";
import { captureResult, invocationText } from "./rpc-invocation.ts";
import type { ServerState } from "./server-state.ts";
import type { Outcome } from "./turn.ts";

export interface RpcDispatchOptions {
  readonly address: string;
  readonly gateways: readonly GatewayDescriptor[];
  readonly identity: Identity;
  readonly ports: HostPorts;
  /** A call carried a higher epoch of this address than its own. */
  readonly onSuperseded: (error: SluiceException) => void;
}

/** A message whose form was checked already. */
export interface CheckedMessage {
  readonly envelope: RequestEnvelope;
  /** Given if the arguments are wire values that nobody else holds: about how large they are. */
  readonly argumentBytes?: number;
}

/** The endpoint as a message finds it. */
export interface DispatchTarget {
  readonly state: ServerState;
  readonly startFailure: SluiceException | undefined;
  readonly endpoint: RpcEndpoint | undefined;
  readonly internals: EndpointInternals | undefined;
}

/** A gateway's method as the endpoint serves it. */
interface Served {
  readonly descriptor: GatewayDescriptor;
  readonly declaration: MethodDescriptor;
  readonly meter: MethodMeter;
}

/**
 * The callee's half of a call. Gates, in this order: well-formed, endpoint serves, depth, sender not superseded, gateway
 * and version, method allowed, arguments valid; and when its turn comes: not expired, token (contract M8, M9, G8, F7).
 */
export class RpcDispatch {
  readonly #options: RpcDispatchOptions;
  readonly #gateways: ReadonlyMap<string, GatewayDescriptor>;
  readonly #meters = new MethodMeters();
  readonly #streams: OpenStreams;
  readonly #diagnostics = { requestMethodCounters: () => this.#meters.report() };

  constructor(options: RpcDispatchOptions) {
    this.#options = options;
    this.#streams = new OpenStreams(options.ports);
    this.#gateways = new Map([...options.gateways, DiagnosticsGateway].map((gateway) => [gateway.name, gateway]));
  }

  /** @throws TypeError if the endpoint lacks a handler of one of its gateways: a fault of the composition. */
  requireHandlers(endpoint: RpcEndpoint): void {
    for (const gateway of this.#options.gateways) {
      for (const method of Object.keys(gateway.methods)) {
        if (handlerOf(endpoint, method) === undefined) {
          throw new TypeError(`${endpoint.constructor.name} serves ${gateway.name} but has no method ${method}`);
        }
      }
    }
  }

  receive(message: unknown, target: DispatchTarget): Promise<ReplyEnvelope> {
    let envelope: RequestEnvelope;
    try {
      envelope = parseRequestEnvelope(message);
    } catch (error) {
      this.#deadLetter("malformed", "a message", error);
      return Promise.resolve(this.#errorReply("", error));
    }
    return new Promise((resolve) => this.accept({ envelope }, target, resolve));
  }

  /** {@link receive} of a checked message; calls `settle` once, at once if the turn has ended by then. */
  accept(message: CheckedMessage, target: DispatchTarget, settle: (reply: ReplyEnvelope) => void): void {
    const { envelope, argumentBytes } = message;
    try {
      const internals = this.#admit(envelope, target);
      if (envelope.kind === "handshake") return settle(this.#valueReply(envelope, this.#handshake(envelope)));
      if (envelope.kind === "cancel") return settle(this.#cancel(envelope, internals));
      const served = this.#lookup(envelope);
      if (target.endpoint === undefined || internals === undefined) throw this.#unreachable();
      this.#post(envelope, served, { endpoint: target.endpoint, internals, settle, argumentBytes });
    } catch (error) {
      this.#refused(envelope, error);
      settle(this.#errorReply(envelope.id, error));
    }
  }

  /** Gates that do not depend on the method. A handshake passes an endpoint that is not started (contract V3, M8). */
  #admit(envelope: RequestEnvelope, target: DispatchTarget): EndpointInternals | undefined {
    const { state, startFailure, internals } = target;
    if (state === "terminated") throw this.#unreachable();
    if (envelope.kind !== "handshake" && (state === "created" || state === "stopped" || state === "failed")) {
      throw new EndpointNotStartedException(`${textOf(envelope)}: ${this.#options.address} is not started`, {
        retryable: true,
        ...(startFailure === undefined ? {} : { cause: startFailure }),
      });
    }
    if (envelope.depth > MAX_CALL_DEPTH) {
      throw new CallDepthException(
        `${textOf(envelope)}: ${envelope.depth} hops from the root event, the limit is ${MAX_CALL_DEPTH}: ${envelope.chain.join(" > ")}`,
      );
    }
    if (envelope.sender !== null && internals !== undefined && !internals.peers.accept(envelope.sender)) {
      throw new FencingTokenException(`${textOf(envelope)}: its sender ${envelope.sender.address} was superseded`);
    }
    return internals;
  }

  #cancel(envelope: RequestEnvelope, internals: EndpointInternals | undefined): ReplyEnvelope {
    const reason = new CancellationException(`${envelope.gateway}.${envelope.method} was cancelled by its caller`);
    internals?.mainThread.cancel(envelope.id, envelope.sender ?? undefined, reason);
    return this.#valueReply(envelope, undefined);
  }

  /** Of the same version both sides have the same methods (over contract K7); of a neighbouring one they need not. */
  #handshake(envelope: RequestEnvelope): HandshakeReply & { readonly [key: string]: WireValue } {
    const { descriptor, gatewayVersion } = this.#negotiate(envelope);
    const methods: unknown = envelope.args[0];
    if (descriptor.version === envelope.gatewayVersion && typeof methods === "object" && methods !== null) {
      const drifted = Object.entries(methods).filter(
        ([method, kind]) => !Object.hasOwn(descriptor.methods, method) || descriptor.methods[method]?.kind !== kind,
      );
      if (drifted.length > 0) {
        throw new HandshakeException(
          `${descriptor.name} version ${descriptor.version}: the caller's has methods that are not those of ${this.#options.address}: ${drifted.map(([method]) => method).join(", ")}`,
        );
      }
    }
    return { gatewayVersion };
  }

  /** Both sides speak their own version and the one before it (over contract K3); K5: version before anything else. */
  #negotiate(envelope: RequestEnvelope): HandshakeReply & { readonly descriptor: GatewayDescriptor } {
    const descriptor = this.#gateways.get(envelope.gateway);
    if (descriptor === undefined) {
      throw new HandshakeException(`${this.#options.address} does not serve the gateway ${envelope.gateway}`);
    }
    if (Math.abs(descriptor.version - envelope.gatewayVersion) > 1) {
      throw new HandshakeException(
        `${envelope.gateway}: the caller speaks version ${envelope.gatewayVersion}, ${this.#options.address} version ${descriptor.version}; they may differ by one`,
      );
    }
    return { descriptor, gatewayVersion: Math.min(descriptor.version, envelope.gatewayVersion) };
  }

  #lookup(envelope: RequestEnvelope): Served {
    const { descriptor } = this.#negotiate(envelope);
    const declaration = Object.hasOwn(descriptor.methods, envelope.method)
      ? descriptor.methods[envelope.method]
      : undefined;
    if (declaration === undefined) {
      throw new RpcConnectionException(
        `${descriptor.name} version ${descriptor.version} has no method ${JSON.stringify(envelope.method)}`,
      );
    }
    if (declaration.kind !== envelope.kind) {
      throw new UnknownMessageException(
        `${descriptor.name}.${envelope.method} is declared as ${declaration.kind}, got ${envelope.kind}`,
      );
    }
    return { descriptor, declaration, meter: this.#meters.of(descriptor.name, envelope.method) };
  }

  #post(
    envelope: RequestEnvelope,
    { descriptor, declaration, meter }: Served,
    to: {
      readonly endpoint: RpcEndpoint;
      readonly internals: EndpointInternals;
      readonly settle: (reply: ReplyEnvelope) => void;
      readonly argumentBytes: number | undefined;
    },
  ): void {
    const { endpoint, internals } = to;
    const { clock, log } = this.#options.ports;
    const label = `${descriptor.name}.${envelope.method}`;
    const stream = "streams" in declaration ? parseStreamRequest(envelope.args[0]) : undefined;
    const given = stream === undefined ? envelope.args : envelope.args.slice(1);
    const parsed = stream === undefined || "open" in stream ? parseArguments(declaration, given, label) : given;
    const { value: args, bytes } =
      to.argumentBytes !== undefined && parsed === envelope.args
        ? { value: parsed, bytes: to.argumentBytes }
        : copyMeasured(parsed, `${label} argument`);
    const arrivedMillis = clock.now();
    const deadlineMillis = envelope.remainingMillis === null ? undefined : arrivedMillis + envelope.remainingMillis;
    const cancellation = envelope.kind === "ask" ? new Cancellation() : undefined;
    const context = contextOf(envelope, deadlineMillis, cancellation);
    const turns = declaration.turns === "inherit" ? descriptor.turns : declaration.turns;
    const handlers = descriptor === DiagnosticsGateway ? this.#diagnostics : endpoint;
    meter.bytesIn.add(bytes);
    let observe: CallObserver | undefined;
    let startedMillis = arrivedMillis;
    let answered = false;
    const answer = (reply: ReplyEnvelope): void => {
      if (answered) return;
      answered = true;
      to.settle(reply);
    };
    let timer: ScheduledCallback | undefined;
    let phase = "waiting in the mailbox";
    // What a sync turn returned is checked and copied within the turn; a late result when it comes.
    let captured = false;
    const expired = (): TimeoutException =>
      new TimeoutException(`${textOf(envelope)} to ${this.#options.address} expired ${phase}${waitingFor(envelope)}`);
    const work: Work = {
      origin: "message",
      control: declaration.options.control ?? false,
      bytes,
      label,
      context,
      sender: envelope.sender ?? undefined,
      turns: stream !== undefined && turns !== "sync" ? "reentrant" : turns,
      readOnly: declaration.options.readOnly ?? false,
      admit: () => {
        if (deadlineMillis !== undefined && clock.now() >= deadlineMillis) return expired();
        const refusal = descriptor.fenced ? this.#checkToken(envelope) : undefined;
        if (refusal !== undefined || internals.filters.length === 0) return refusal;
        try {
          const waitedMillis = clock.now() - arrivedMillis;
          observe = applyFilters(
            internals.filters,
            incomingCall(envelope, declaration.kind, { args, waitedMillis }),
            fromUnknown,
          );
          return undefined;
        } catch (error) {
          return fromUnknown(error);
        }
      },
      run: () => {
        phase = "while its handler ran";
        startedMillis = internals.mainThread.now();
        meter.calls += 1;
        meter.waitedMillis.add(startedMillis - arrivedMillis);
        if (envelope.kind === "tell") answer(this.#valueReply(envelope, undefined));
        const handle = (): unknown => handlerOf(handlers, envelope.method)?.apply(handlers, [...args]);
        const result =
          stream === undefined
            ? handle()
            : new Later(
                this.#streams.serve(stream, label, {
                  open: handle,
                  deadlineMillis,
                  stretches: () => internals.mainThread.stretches(),
                }),
              );
        if (isPending(result) || envelope.kind === "tell") return result;
        captured = true;
        const reply = captureResult(result, label);
        meter.bytesOut.add(reply.bytes);
        return reply.value;
      },
      settle: (outcome) => {
        timer?.cancel();
        const result = captured || envelope.kind === "tell" ? outcome : captureOutcome(outcome, { label, meter });
        observe?.(result);
        if (phase !== "waiting in the mailbox") {
          meter.ranMillis.add(clock.now() - startedMillis);
          if (!result.ok) meter.failures += 1;
        }
        if (result.ok) return answer(this.#valueReply(envelope, result.value as WireValue)); // captured above
        if (phase === "waiting in the mailbox") this.#refused(envelope, result.error);
        else if (envelope.kind === "tell")
          log.error(`${label} failed: ${result.error.message}`, { stack: result.error.stack });
        answer(this.#errorReply(envelope.id, result.error));
      },
    };
    if (!internals.mainThread.post(work)) {
      throw new RpcOverloadedException(
        `${textOf(envelope)}: the mailbox of ${this.#options.address} is full (${internals.mainThread.mailboxMessages} messages)`,
      );
    }
    if (deadlineMillis !== undefined && internals.mainThread.isWaiting(work)) {
      timer = clock.schedule(deadlineMillis - clock.now(), () => {
        const error = expired();
        cancellation?.cancel(error);
        answer(this.#errorReply(envelope.id, error));
      });
    }
  }

  /** A token is good if it is the endpoint's own epoch; what the endpoint expects is not told (contract F5 to F8). */
  #checkToken(envelope: RequestEnvelope): SluiceException | undefined {
    const { address, identity, onSuperseded } = this.#options;
    if (envelope.epoch === null) {
      return new UnknownMessageException(
        `${textOf(envelope)}: ${address} is fenced and expects a fencing token with every call`,
      );
    }
    if (envelope.epoch === identity.epoch) return undefined;
    if (envelope.epoch < identity.epoch) {
      return new FencingTokenException(`${textOf(envelope)}: the token ${envelope.epoch} is not that of ${address}`);
    }
    const error = new RecipientUnreachableException(`${textOf(envelope)}: this instance of ${address} was superseded`, {
      retryable: true,
    });
    onSuperseded(error);
    return error;
  }

  #unreachable(): RecipientUnreachableException {
    return new RecipientUnreachableException(`${this.#options.address} has terminated`);
  }

  #refused(envelope: RequestEnvelope, error: unknown): void {
    const { gateway, method } = envelope;
    const reason = SluiceException.is(error) ? reasonOf(error) : "refused";
    const methods = this.#gateways.get(gateway)?.methods ?? {};
    if (Object.hasOwn(methods, method)) this.#meters.of(gateway, method).reject(reason);
    this.#deadLetter(reason, textOf(envelope), error);
  }

  #deadLetter(reason: DeadLetterReason, text: string, error: unknown): void {
    this.#options.ports.rpcService.deadLetters.record({
      reason,
      message: `${text} to ${this.#options.address}`,
      detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    });
  }

  #valueReply(envelope: RequestEnvelope, value: WireValue): ReplyEnvelope {
    return { ...this.#replyHead(envelope.id), outcome: "value", value };
  }

  #errorReply(id: string, error: unknown): ReplyEnvelope {
    return { ...this.#replyHead(id), outcome: "error", error: toErrorData(error) };
  }

  #replyHead(id: string): Omit<ReplyEnvelope, "outcome" | "value" | "error"> {
    const { address, identity } = this.#options;
    return { version: ENVELOPE_VERSION, id, address, epoch: identity.epoch, incarnation: identity.incarnation };
  }
}

function handlerOf(endpoint: object, method: string): ((...args: unknown[]) => unknown) | undefined {
  const handler: unknown = Reflect.get(endpoint, method);
  // A function of unknown type may be called with anything; its gateway's descriptor typed both sides.
  return typeof handler === "function" ? (handler as (...args: unknown[]) => unknown) : undefined;
}

function parseArguments(declaration: MethodDescriptor, args: readonly WireValue[], label: string): readonly unknown[] {
  const { parameters } = declaration.options;
  if (parameters === undefined) return args;
  try {
    return parameters.parse(args);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new SluiceException("INVALID_ARGUMENT", `${label}: ${detail}`, { cause: error });
  }
}

function contextOf(
  { depth, chain, id, trace }: RequestEnvelope,
  deadlineMillis: number | undefined,
  cancellation: Cancellation | undefined,
): CallContext {
  return { deadlineMillis, depth, chain: [...chain, id], trace, cancellation };
}

function incomingCall(
  { gateway, method, endpoint, depth, trace, sender }: RequestEnvelope,
  kind: MethodDescriptor["kind"],
  rest: Pick<IncomingCall, "args" | "waitedMillis">,
): IncomingCall {
  return { kind, gateway, method, address: endpoint, depth, trace, sender: sender ?? undefined, ...rest };
}

function isPending(result: unknown): boolean {
  return result instanceof Later || (typeof result === "object" && result !== null && "then" in result);
}

function captureOutcome(
  outcome: Outcome,
  { label, meter }: { readonly label: string; readonly meter: MethodMeter },
): Outcome {
  if (!outcome.ok) return outcome;
  try {
    const { value, bytes } = captureResult(outcome.value, label);
    meter.bytesOut.add(bytes);
    return { ok: true, value };
  } catch (error) {
    return { ok: false, error: error as SluiceException }; // captureResult throws nothing else
  }
}

function textOf(envelope: RequestEnvelope): string {
  return envelope.kind === "handshake"
    ? `handshake(${envelope.gateway} version ${envelope.gatewayVersion})`
    : invocationText(envelope.gateway, envelope.method, envelope);
}

function waitingFor(envelope: RequestEnvelope): string {
  return envelope.chain.length === 0 ? "" : `; waiting on behalf of ${envelope.chain.join(" > ")}`;
}

function reasonOf(error: SluiceException): DeadLetterReason {
  switch (error.code) {
    case "FENCING_TOKEN":
      return "fenced";
    case "ENDPOINT_NOT_STARTED":
      return "not-started";
    case "RPC_OVERLOADED":
      return "overloaded";
    case "RECIPIENT_UNREACHABLE":
      return "terminated";
    case "TIMEOUT":
      return "expired";
    case "CANCELLED":
      return "cancelled";
    default:
      return "refused";
  }
}
