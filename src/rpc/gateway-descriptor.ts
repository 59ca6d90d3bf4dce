import type { Duration } from "../common/duration.ts";
import type { ValueType } from "../common/value-type.ts";
import type { ItemStream } from "./item-stream.ts";
import type { Later } from "./later.ts";
import type { FencedRpcGateway, RpcGateway } from "./rpc-gateway.ts";

/**
 * How a handler's turn runs (design: a turn is one synchronous run of endpoint code).
 *
 * - `sync`: the handler returns `T` or `Later<T>`; an `async` function does not compile.
 * - `exclusive`: may be `async`; the next message starts when this handler has settled.
 * - `reentrant`: may be `async`; other messages may run at each `await`.
 */
export type TurnMode = "sync" | "exclusive" | "reentrant";

/** What a method may declare beside its signature. */
export interface MethodOptions {
  /** How long a caller waits for the reply when neither it nor its own deadline says less. Default: the service's. */
  readonly timeout?: Duration;
  /** Sending the same request twice has the effect of sending it once, so a lost reply may be asked for again. */
  readonly idempotent?: boolean;
  /** The handler writes nothing durable, so its turn needs no transaction. */
  readonly readOnly?: boolean;
  /**
   * What undoes a turn that throws after it wrote. `savepoint`, the default: its writes are rolled back, its caller gets
   * the error, memory stays. `reset`: no savepoint is taken, which is a twentieth of a call with one write; the object is
   * reset instead, which throws away all that the running event wrote, and its callers hear that it is unreachable. For
   * handlers whose write comes last; what they throw before it undoes nothing and reaches their caller as ever. Writes are
   * those of `storage` and `timers`: what a handler writes to its object's storage past them is not seen, and stays. A host
   * that cannot throw away what was written takes savepoints (all but Durable Objects; a message log needs them too).
   */
  readonly undo?: "savepoint" | "reset";
  /** Control messages bypass the mailbox's bound, never its order. */
  readonly control?: boolean;
  /** Validates the argument tuple at the callee's border; declared where arguments come from outside. */
  readonly parameters?: ValueType<readonly unknown[]>;
}

// A signature is carried as a phantom: it exists for the compiler only.
declare const signature: unique symbol;
type AnyFunction = (...parameters: never[]) => unknown;

/** A method that answers; at the gateway it returns a promise. */
export interface AskMethod<F extends AnyFunction, Turns extends TurnMode | "inherit" = TurnMode | "inherit"> {
  readonly kind: "ask";
  readonly turns: Turns;
  readonly options: MethodOptions;
  readonly [signature]?: F;
}

/** A one-way method; at the gateway it returns nothing and the caller learns nothing of its fate. */
export interface TellMethod<F extends AnyFunction, Turns extends TurnMode | "inherit" = TurnMode | "inherit"> {
  readonly kind: "tell";
  readonly turns: Turns;
  readonly options: MethodOptions;
  readonly [signature]?: F;
}

/** A method that answers with many items; at the gateway it returns an async iterable. Its messages are asks. */
export interface StreamMethod<F extends AnyFunction, Turns extends TurnMode | "inherit" = TurnMode | "inherit"> {
  readonly kind: "ask";
  readonly streams: true;
  readonly turns: Turns;
  readonly options: MethodOptions;
  readonly [signature]?: F;
}

export type MethodDescriptor = AskMethod<AnyFunction> | TellMethod<AnyFunction> | StreamMethod<AnyFunction>;
export type MethodTable = Readonly<Record<string, MethodDescriptor>>;

/** Declares an ask. `F` is written with plain values: `ask<(by: number) => number>()`. */
export function ask<F extends AnyFunction, Turns extends TurnMode | "inherit" = "inherit">(
  ...options: Turns extends "inherit" ? [MethodOptions?] : [MethodOptions & { readonly turns: Turns }]
): AskMethod<F, Turns> {
  return { kind: "ask", ...splitTurns(options[0]) };
}

/** Declares a tell. Its handler returns `undefined` (not `void`: that is what keeps `async` from compiling). */
export function tell<F extends AnyFunction, Turns extends TurnMode | "inherit" = "inherit">(
  ...options: Turns extends "inherit" ? [MethodOptions?] : [MethodOptions & { readonly turns: Turns }]
): TellMethod<F, Turns> {
  return { kind: "tell", ...splitTurns(options[0]) };
}

/**
 * Declares a stream. `F` is written with the item: `stream<(from: number) => LogLine>()`. Items flow as the consumer takes
 * them, and end with it, with the source, or at the deadline: the timeout is that of the whole stream. In a `sync` gateway
 * the handler returns an `Iterable`, or an {@link ItemStream} that later turns feed; in the others it may be an async
 * generator, whose stretches are `reentrant`.
 */
export function stream<F extends AnyFunction, Turns extends TurnMode | "inherit" = "inherit">(
  ...options: Turns extends "inherit" ? [MethodOptions?] : [MethodOptions & { readonly turns: Turns }]
): StreamMethod<F, Turns> {
  return { kind: "ask", streams: true, ...splitTurns(options[0]) };
}

function splitTurns<Turns extends TurnMode | "inherit">(
  declared: (MethodOptions & { readonly turns?: TurnMode }) | undefined,
): { readonly turns: Turns; readonly options: MethodOptions } {
  const { turns = "inherit", ...options } = declared ?? {};
  return { turns: turns as Turns, options };
}

/** A gateway, declared once as data: the source of both sides' types and of the run-time allow-list. */
export interface GatewayDescriptor<
  Methods extends MethodTable = MethodTable,
  Turns extends TurnMode = TurnMode,
  Fenced extends boolean = boolean,
> {
  readonly name: string;
  /** Version of the contract; raised with every change of a method. */
  readonly version: number;
  /** Turn mode of every method that does not declare its own. */
  readonly turns: Turns;
  /** Whether every call must carry the endpoint's epoch. */
  readonly fenced: Fenced;
  readonly methods: Methods;
}

/** Names that the platform or the language takes on every stub, so no method may have them. */
const RESERVED_METHOD_NAMES = new Set([
  "then", "catch", "finally", "constructor", "fetch", "connect", "alarm", "dup", "toString", "valueOf", "toJSON",
  "getAddress", "getFencingToken", "__proto__", "prototype", "hasOwnProperty",
]); // prettier-ignore

/**
 * Declares a gateway.
 *
 * @throws RangeError for an empty name, a version that is no positive integer, or a reserved method name.
 */
export function defineGateway<
  const Methods extends MethodTable,
  Turns extends TurnMode = "exclusive",
  Fenced extends boolean = false,
>(
  name: string,
  declaration: {
    readonly version: number;
    readonly turns?: Turns;
    readonly fenced?: Fenced;
    readonly methods: Methods;
  },
): GatewayDescriptor<Methods, Turns, Fenced> {
  if (name === "") throw new RangeError("gateway name: expected a non-empty string");
  if (!Number.isInteger(declaration.version) || declaration.version < 1) {
    throw new RangeError(`gateway ${name}: expected a positive integer version, got ${declaration.version}`);
  }
  for (const method of Object.keys(declaration.methods)) {
    if (RESERVED_METHOD_NAMES.has(method)) throw new RangeError(`gateway ${name}: method name ${method} is reserved`);
  }
  return Object.freeze({
    name,
    version: declaration.version,
    turns: declaration.turns ?? ("exclusive" as Turns),
    fenced: declaration.fenced ?? (false as Fenced),
    methods: Object.freeze({ ...declaration.methods }),
  });
}

type SignatureOf<M> = M extends { readonly [signature]?: infer F } ? Extract<F, AnyFunction> : never;
type TurnsOf<M, Default extends TurnMode> = M extends { readonly turns: infer Turns }
  ? Turns extends TurnMode
    ? Turns
    : Default
  : Default;

type GatewayMethod<M> = M extends { readonly kind: "tell" }
  ? (...parameters: Parameters<SignatureOf<M>>) => void
  : M extends { readonly streams: true }
    ? (...parameters: Parameters<SignatureOf<M>>) => AsyncIterable<ReturnType<SignatureOf<M>>>
    : (...parameters: Parameters<SignatureOf<M>>) => Promise<ReturnType<SignatureOf<M>>>;

type HandlerResult<T, Turns extends TurnMode> = Turns extends "sync" ? T | Later<T> : T | Later<T> | Promise<T>;
type StreamResult<T, Turns extends TurnMode> = Turns extends "sync"
  ? Iterable<T> | ItemStream<T>
  : Iterable<T> | ItemStream<T> | AsyncIterable<T>;
type HandlerMethod<M, Default extends TurnMode> = (
  ...parameters: Parameters<SignatureOf<M>>
) => M extends { readonly streams: true }
  ? StreamResult<ReturnType<SignatureOf<M>>, TurnsOf<M, Default>>
  : HandlerResult<ReturnType<SignatureOf<M>>, TurnsOf<M, Default>>;

/** What a caller holds: every ask returns a promise, every tell returns nothing. */
export type GatewayOf<D extends GatewayDescriptor> = (D["fenced"] extends true ? FencedRpcGateway : RpcGateway) & {
  readonly [M in keyof D["methods"]]: GatewayMethod<D["methods"][M]>;
};

/** What an endpoint implements: `class Counter extends RpcEndpoint implements HandlerOf<typeof CounterGateway>`. */
export type HandlerOf<D extends GatewayDescriptor> = {
  [M in keyof D["methods"]]: HandlerMethod<D["methods"][M], D["turns"]>;
};
