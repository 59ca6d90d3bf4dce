import { SluiceException } from "../common/exceptions.ts";
import { copyMeasured } from "../common/wire-value.ts";
import type { WireValue } from "../common/wire-value.ts";
import { MAX_CALL_DEPTH } from "./call-context.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import { parseRequestEnvelope } from "./envelope/v1.ts";
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
  UnknownMessageException,
} from "./exceptions.ts";
import type { Identity } from "./fencing/identity.ts";
import type { GatewayDescriptor, MethodDescriptor } from "./gateway-descriptor.ts";
import type { HostPorts } from "./host-ports.ts";
import { EnvelopeMessage, errorReply } from "./incoming-message.ts";
import type { IncomingHead, IncomingMessage } from "./incoming-message.ts";
import { messageText, MessageTurn } from "./message-turn.ts";
import type { MessageHandlers, MessageTurnHost } from "./message-turn.ts";
import { DiagnosticsGateway, MethodMeters } from "./method-counters.ts";
import type { EndpointInternals, RpcEndpoint } from "./rpc-endpoint.ts";
import { OpenStreams, parseStreamRequest } from "./open-streams.ts";
import { handlerOf, ServedMethod } from "./served-method.ts";
import type { ServerState } from "./server-state.ts";

export interface RpcDispatchOptions {
  readonly address: string;
  readonly gateways: readonly GatewayDescriptor[];
  readonly identity: Identity;
  readonly ports: HostPorts;
  /** A call carried a higher epoch of this address than its own. */
  readonly onSuperseded: (error: SluiceException) => void;
}

/** The endpoint as a message finds it. */
export interface DispatchTarget {
  readonly state: ServerState;
  readonly startFailure: SluiceException | undefined;
  readonly endpoint: RpcEndpoint | undefined;
  readonly internals: EndpointInternals | undefined;
}

/**
 * The callee's half of a call. Gates, in this order: well-formed, endpoint serves, depth, sender not superseded, gateway
 * and version, method allowed, arguments valid; and when its turn comes: not expired, token (contract M8, M9, G8, F7).
 */
export class RpcDispatch {
  readonly #options: RpcDispatchOptions;
  readonly #gateways: ReadonlyMap<string, GatewayDescriptor>;
  readonly #meters = new MethodMeters();
  readonly #served = new Map<GatewayDescriptor, Map<string, ServedMethod>>();
  readonly #turnHost: MessageTurnHost;
  #handlers: MessageHandlers | undefined;
  readonly #diagnostics = { requestMethodCounters: () => this.#meters.report() };

  constructor(options: RpcDispatchOptions) {
    this.#options = options;
    const { address, identity, ports } = options;
    this.#turnHost = {
      address,
      identity,
      clock: ports.clock,
      streams: new OpenStreams(ports),
      checkToken: (message) => this.#checkToken(message),
      refused: (message, error) => this.#refused(message, error),
      failedUnheard: (label, error) => ports.log.error(`${label} failed: ${error.message}`, { stack: error.stack }),
    };
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
    const { address, identity, ports } = this.#options;
    let envelope: RequestEnvelope;
    try {
      envelope = parseRequestEnvelope(message);
    } catch (error) {
      this.#deadLetter("malformed", "a message", error);
      return Promise.resolve(errorReply({ id: "", address, by: identity }, error));
    }
    const at = { address, nowMillis: ports.clock.now() };
    return new Promise((resolve) => this.accept(new EnvelopeMessage(envelope, at, resolve), target));
  }

  /** {@link receive} of a checked message; answers it at once if its turn has ended by then. */
  accept(message: IncomingMessage, target: DispatchTarget): void {
    try {
      const internals = this.#admit(message, target);
      const { head } = message;
      if (head.kind === "handshake") {
        message.capture(this.#handshake(message), "handshake");
        return message.answer(this.#options.identity);
      }
      if (head.kind === "cancel") {
        this.#cancel(message, internals);
        return message.answer(this.#options.identity);
      }
      const served = (message.served ??= this.#lookup(head));
      const { endpoint } = target;
      if (endpoint === undefined || internals === undefined) throw this.#unreachable();
      this.#post(message, served, this.#handlersOf(served, { endpoint, internals }));
    } catch (error) {
      this.#refused(message, error);
      message.answerError(this.#options.identity, error);
    }
  }

  /** Gates that do not depend on the method. A handshake passes an endpoint that is not started (contract V3, M8). */
  #admit(message: IncomingMessage, target: DispatchTarget): EndpointInternals | undefined {
    const { head, depth, chain } = message;
    const { state, startFailure, internals } = target;
    if (state === "terminated") throw this.#unreachable();
    if (head.kind !== "handshake" && (state === "created" || state === "stopped" || state === "failed")) {
      throw new EndpointNotStartedException(`${messageText(message)}: ${this.#options.address} is not started`, {
        retryable: true,
        ...(startFailure === undefined ? {} : { cause: startFailure }),
      });
    }
    if (depth > MAX_CALL_DEPTH) {
      throw new CallDepthException(
        `${messageText(message)}: ${depth} hops from the root event, the limit is ${MAX_CALL_DEPTH}: ${chain.join(" > ")}`,
      );
    }
    if (head.sender !== null && internals !== undefined && !internals.peers.accept(head.sender)) {
      throw new FencingTokenException(`${messageText(message)}: its sender ${head.sender.address} was superseded`);
    }
    return internals;
  }

  #cancel({ id, head }: IncomingMessage, internals: EndpointInternals | undefined): void {
    const reason = new CancellationException(`${head.gateway}.${head.method} was cancelled by its caller`);
    internals?.mainThread.cancel(id, head.sender ?? undefined, reason);
  }

  /** Of the same version both sides have the same methods (over contract K7); of a neighbouring one they need not. */
  #handshake({ head, args }: IncomingMessage): HandshakeReply {
    const { descriptor, gatewayVersion } = this.#negotiate(head);
    const methods: unknown = args[0];
    if (descriptor.version === head.gatewayVersion && typeof methods === "object" && methods !== null) {
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
  #negotiate(head: IncomingHead): HandshakeReply & { readonly descriptor: GatewayDescriptor } {
    const { gateway, gatewayVersion } = head;
    const descriptor = this.#gateways.get(gateway);
    if (descriptor === undefined) {
      throw new HandshakeException(`${this.#options.address} does not serve the gateway ${gateway}`);
    }
    if (Math.abs(descriptor.version - gatewayVersion) > 1) {
      throw new HandshakeException(
        `${gateway}: the caller speaks version ${gatewayVersion}, ${this.#options.address} version ${descriptor.version}; they may differ by one`,
      );
    }
    return { descriptor, gatewayVersion: Math.min(descriptor.version, gatewayVersion) };
  }

  #lookup(head: IncomingHead): ServedMethod {
    const { method, kind } = head;
    const { descriptor } = this.#negotiate(head);
    const declaration = Object.hasOwn(descriptor.methods, method) ? descriptor.methods[method] : undefined;
    if (declaration === undefined) {
      throw new RpcConnectionException(
        `${descriptor.name} version ${descriptor.version} has no method ${JSON.stringify(method)}`,
      );
    }
    if (declaration.kind !== kind) {
      throw new UnknownMessageException(`${descriptor.name}.${method} is declared as ${declaration.kind}, got ${kind}`);
    }
    let ofGateway = this.#served.get(descriptor);
    if (ofGateway === undefined) this.#served.set(descriptor, (ofGateway = new Map<string, ServedMethod>()));
    let served = ofGateway.get(method);
    if (served === undefined) {
      served = new ServedMethod(descriptor, method, { declaration, meter: this.#meters.of(descriptor.name, method) });
      ofGateway.set(method, served);
    }
    return served;
  }

  /** The same object for all messages that an activation serves. */
  #handlersOf(
    served: ServedMethod,
    { endpoint, internals }: { readonly endpoint: RpcEndpoint; readonly internals: EndpointInternals },
  ): MessageHandlers {
    const { mainThread, filters, journal } = internals;
    if (served.descriptor === DiagnosticsGateway) {
      return { handlers: this.#diagnostics, mainThread, filters, journal };
    }
    if (this.#handlers?.handlers !== endpoint) this.#handlers = { handlers: endpoint, mainThread, filters, journal };
    return this.#handlers;
  }

  #post(message: IncomingMessage, served: ServedMethod, to: MessageHandlers): void {
    const { label, declaration, meter } = served;
    const stream = served.streams ? parseStreamRequest(message.args[0]) : undefined;
    const given = stream === undefined ? message.args : message.args.slice(1);
    const parsed = stream === undefined || "open" in stream ? parseArguments(declaration, given, label) : given;
    const { value: args, bytes } =
      message.argumentBytes !== undefined && parsed === message.args
        ? { value: parsed, bytes: message.argumentBytes }
        : copyMeasured(parsed, `${label} argument`);
    meter.bytesIn.add(bytes);
    const turn = new MessageTurn(this.#turnHost, to, { message, served, args, bytes, stream });
    if (!to.mainThread.post(turn)) {
      throw new RpcOverloadedException(
        `${messageText(message)}: the mailbox of ${this.#options.address} is full (${to.mainThread.mailboxMessages} messages)`,
      );
    }
    turn.watchDeadline();
  }

  /** A token is good if it is the endpoint's own epoch; what the endpoint expects is not told (contract F5 to F8). */
  #checkToken(message: IncomingMessage): SluiceException | undefined {
    const { address, identity, onSuperseded } = this.#options;
    const { epoch } = message.head;
    if (epoch === identity.epoch) return undefined;
    const text = messageText(message);
    if (epoch === null) {
      return new UnknownMessageException(`${text}: ${address} is fenced and expects a fencing token with every call`);
    }
    if (epoch < identity.epoch) {
      return new FencingTokenException(`${text}: the token ${epoch} is not that of ${address}`);
    }
    const error = new RecipientUnreachableException(`${text}: this instance of ${address} was superseded`, {
      retryable: true,
    });
    onSuperseded(error);
    return error;
  }

  #unreachable(): RecipientUnreachableException {
    return new RecipientUnreachableException(`${this.#options.address} has terminated`);
  }

  #refused(message: IncomingMessage, error: unknown): void {
    const { gateway, method } = message.head;
    const reason = SluiceException.is(error) ? reasonOf(error) : "refused";
    const methods = this.#gateways.get(gateway)?.methods ?? {};
    if (Object.hasOwn(methods, method)) this.#meters.of(gateway, method).reject(reason);
    this.#deadLetter(reason, messageText(message), error);
  }

  #deadLetter(reason: DeadLetterReason, text: string, error: unknown): void {
    this.#options.ports.rpcService.deadLetters.record({
      reason,
      message: `${text} to ${this.#options.address}`,
      detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    });
  }
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
