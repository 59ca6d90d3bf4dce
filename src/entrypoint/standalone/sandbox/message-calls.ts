import { fromErrorData, isErrorData, SluiceException, toErrorData } from "../../../common/exceptions.ts";

/** What travels: a call, or what became of one. */
type Message =
  | { readonly kind: "call"; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: unknown };

/**
 * Calls between two threads that send each other messages. Both sides may call. Nothing that arrives is believed to be of any form; what
 * arguments are is for the handlers to check.
 */
export class MessageCalls {
  readonly #post: (message: unknown) => void;
  readonly #handlers: object;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;
  #ended: SluiceException | undefined;

  /** @param handlers own functions are what the other side can call, by their names. */
  constructor(post: (message: unknown) => void, handlers: object) {
    this.#post = post;
    this.#handlers = handlers;
  }

  /** Functions that call the other side's handlers of these names. Its answers are believed to be of the declared types. */
  remote<T extends object>(methods: readonly (keyof T & string)[]): T {
    const call = (method: string, args: readonly unknown[]): Promise<unknown> => this.#call(method, args);
    // One function for each name; the other side's handlers have the same declaration.
    return Object.fromEntries(methods.map((name) => [name, (...args: unknown[]) => call(name, args)])) as T;
  }

  /** Takes a message of the other side; what is none is dropped. */
  receive(message: unknown): void {
    const fields: Partial<Record<"kind" | "id" | "method" | "args" | "value" | "error", unknown>> =
      typeof message === "object" && message !== null ? message : {};
    const { kind, id, method, args, value, error } = fields;
    if (typeof id !== "number") return;
    if (kind === "call") return void this.#handle(id, method, Array.isArray(args) ? args : []);
    const call = this.#open.get(id);
    if (call === undefined) return;
    this.#open.delete(id);
    if (kind === "value") call.resolve(value);
    else call.reject(isErrorData(error) ? fromErrorData(error) : new SluiceException("UNEXPECTED", "malformed answer"));
  }

  /** The other side is gone: open calls fail, and all later ones. */
  end(error: SluiceException): void {
    this.#ended ??= error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  #call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#calls += 1;
    const id = this.#calls;
    const call = Promise.withResolvers<unknown>();
    this.#open.set(id, call);
    this.#send({ kind: "call", id, method, args });
    return call.promise;
  }

  async #handle(id: number, method: unknown, args: readonly unknown[]): Promise<void> {
    try {
      const value = await this.#handlerOf(method)(...args);
      this.#send({ kind: "value", id, value });
    } catch (error) {
      this.#send({ kind: "error", id, error: toErrorData(error) });
    }
  }

  #handlerOf(method: unknown): (...args: readonly unknown[]) => unknown {
    const handler: unknown =
      typeof method === "string" && Object.hasOwn(this.#handlers, method)
        ? Reflect.get(this.#handlers, method)
        : undefined;
    if (typeof handler !== "function") throw new SluiceException("NOT_FOUND", "no such method");
    // A function of unknown type may be called with anything; it checks its arguments.
    return handler as (...args: readonly unknown[]) => unknown;
  }

  #send(message: Message): void {
    if (this.#ended === undefined) this.#post(message);
  }
}
