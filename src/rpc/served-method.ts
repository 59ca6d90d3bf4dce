import type { GatewayDescriptor, MethodDescriptor, TurnMode } from "./gateway-descriptor.ts";
import type { MethodMeter } from "./method-counters.ts";

type Handler = (...args: unknown[]) => unknown;

/** A gateway's method as an endpoint serves it: what all of its calls have in common. */
export class ServedMethod {
  readonly descriptor: GatewayDescriptor;
  readonly name: string;
  readonly declaration: MethodDescriptor;
  readonly meter: MethodMeter;
  /** `Counter.increment`. */
  readonly label: string;
  readonly turns: TurnMode;
  readonly streams: boolean;
  readonly readOnly: boolean;
  readonly undo: "savepoint" | "reset";
  readonly control: boolean;
  // Of the endpoint that served last: they change with its activation.
  #handlers: object | undefined;
  #handler: Handler | undefined;

  constructor(
    descriptor: GatewayDescriptor,
    name: string,
    served: { declaration: MethodDescriptor; meter: MethodMeter },
  ) {
    const { declaration, meter } = served;
    this.descriptor = descriptor;
    this.name = name;
    this.declaration = declaration;
    this.meter = meter;
    this.label = `${descriptor.name}.${name}`;
    this.streams = "streams" in declaration;
    const turns = declaration.turns === "inherit" ? descriptor.turns : declaration.turns;
    // Items of a stream are asked for while its handler is open.
    this.turns = this.streams && turns !== "sync" ? "reentrant" : turns;
    this.readOnly = declaration.options.readOnly ?? false;
    this.undo = declaration.options.undo ?? "savepoint";
    this.control = declaration.options.control ?? false;
  }

  call(handlers: object, args: readonly unknown[]): unknown {
    if (handlers !== this.#handlers) {
      this.#handlers = handlers;
      this.#handler = handlerOf(handlers, this.name);
    }
    // Nobody else holds the arguments.
    return this.#handler?.apply(handlers, args as unknown[]);
  }
}

/** The function that serves `method`; undefined if there is none. */
export function handlerOf(endpoint: object, method: string): Handler | undefined {
  const handler: unknown = Reflect.get(endpoint, method);
  // A function of unknown type may be called with anything; its gateway's descriptor typed both sides.
  return typeof handler === "function" ? (handler as Handler) : undefined;
}
