import type { Clock, ScheduledCallback } from "../common/clock.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { IdSource } from "../common/ids.ts";
import { RpcOverloadedException, TimeoutException, UnknownMessageException } from "./exceptions.ts";
import { ItemStream } from "./item-stream.ts";

/** First argument of every message of a stream method; those of the method follow the one that opens. */
export type StreamRequest =
  | { readonly open: number }
  | { readonly pull: string; readonly credit: number }
  | { readonly close: string };

/** Answer to a message that opens or pulls: as many items as there were, at most the credit, at least one unless done. */
export interface StreamPage {
  /** What to pull from; null when it is done. */
  readonly stream: string | null;
  readonly items: readonly unknown[];
}

const MAX_CREDIT = 1_024;
const MAX_OPEN_STREAMS = 1_024;
/** Microtasks that an item which is ready may take to come. */
const READY_WITHIN = 4;

interface OpenStream {
  readonly label: string;
  readonly take: (credit: number) => Promise<{ readonly items: readonly unknown[]; readonly done: boolean }>;
  readonly close: () => void;
  readonly expiry: ScheduledCallback | undefined;
}

/** What only the message that opens needs. */
interface Opening {
  /** Calls the handler. */
  readonly open: () => unknown;
  readonly deadlineMillis: number | undefined;
  readonly stretches: () => Stretches;
}

/** @throws UnknownMessageException if `value` is none. */
export function parseStreamRequest(value: unknown): StreamRequest {
  const request: {
    readonly open?: unknown;
    readonly pull?: unknown;
    readonly credit?: unknown;
    readonly close?: unknown;
  } = typeof value === "object" && value !== null ? value : {};
  const isCredit = (credit: unknown): credit is number =>
    Number.isSafeInteger(credit) && Number(credit) >= 1 && Number(credit) <= MAX_CREDIT;
  if (isCredit(request.open)) return { open: request.open };
  if (typeof request.pull === "string" && isCredit(request.credit))
    return { pull: request.pull, credit: request.credit };
  if (typeof request.close === "string") return { close: request.close };
  throw new UnknownMessageException(`malformed request: args[0]: expected to open, pull from or close a stream`);
}

/** The streams that one activation hands out. They end with their consumer, their deadline, or the activation. */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #streams = new Map<string, OpenStream>();

  constructor({ clock, ids }: { readonly clock: Clock; readonly ids: IdSource }) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /** Answers one message of a stream method, in its turn. */
  serve(request: StreamRequest, label: string, opening: Opening): Promise<StreamPage> {
    if ("open" in request) {
      if (this.#streams.size >= MAX_OPEN_STREAMS) {
        throw new RpcOverloadedException(`${label}: ${MAX_OPEN_STREAMS} streams are open already`);
      }
      return this.#page(this.#register(label, opening), request.open);
    }
    if ("pull" in request) return this.#page(request.pull, request.credit);
    this.#end(request.close);
    return Promise.resolve({ stream: null, items: [] });
  }

  #register(label: string, { open, deadlineMillis, stretches }: Opening): string {
    const id = this.#ids.hex();
    const expiry =
      deadlineMillis === undefined
        ? undefined
        : this.#clock.schedule(Math.max(0, deadlineMillis - this.#clock.now()), () => this.#end(id));
    this.#streams.set(id, { label, ...sourceOf(open(), label, stretches), expiry });
    return id;
  }

  async #page(id: string, credit: number): Promise<StreamPage> {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw over();
    try {
      const { items, done } = await stream.take(credit);
      // What was cut off must not look like the end.
      if (!this.#streams.has(id)) throw over();
      if (done) this.#end(id);
      return { stream: done ? null : id, items };
    } catch (error) {
      this.#end(id);
      throw error;
    }
  }

  #end(id: string): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.expiry?.cancel();
    stream?.close();
  }
}

function over(): TimeoutException {
  return new TimeoutException("the stream is over: its deadline passed, or it was closed");
}

/** How a handler's stretches run: beside the turns of others, until it is over. */
export interface Stretches {
  run<T>(body: () => T): T;
  close(): void;
}

function sourceOf(result: unknown, label: string, stretches: () => Stretches): Pick<OpenStream, "take" | "close"> {
  if (result instanceof ItemStream) return { take: (credit) => result.take(credit), close: () => result.close() };
  if (typeof result === "object" && result !== null) {
    // Whoever has the method is iterable: that is the protocol.
    if (Symbol.iterator in result) return fromIterator((result as Iterable<unknown>)[Symbol.iterator]());
    if (Symbol.asyncIterator in result) return fromAsync(result as AsyncIterable<unknown>, stretches());
  }
  throw new SluiceException("ILLEGAL_STATE", `${label}: expected its handler to return something that can be iterated`);
}

/** Every page is one turn. */
function fromIterator(iterator: Iterator<unknown, unknown>): Pick<OpenStream, "take" | "close"> {
  return {
    // A throw becomes a rejection.
    take: async (credit) => {
      const items: unknown[] = [];
      while (items.length < credit) {
        const { done, value } = iterator.next();
        if (done === true) return { items, done: true };
        items.push(value);
      }
      return { items, done: false };
    },
    close: () => void iterator.return?.(),
  };
}

/** A page is what is ready, at least one item; the one that is asked for beyond it belongs to the next page. */
function fromAsync(items: AsyncIterable<unknown>, stretches: Stretches): Pick<OpenStream, "take" | "close"> {
  const iterator: AsyncIterator<unknown, unknown> = items[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<unknown, unknown>> | undefined;
  const ask = (): Promise<IteratorResult<unknown, unknown>> => {
    const asked = stretches.run(() => iterator.next());
    // Whoever takes the page gets the error; there may be nobody.
    asked.catch(() => undefined);
    return asked;
  };
  return {
    take: async (credit) => {
      const page: unknown[] = [];
      while (page.length < credit) {
        next ??= ask();
        if (page.length > 0 && !(await isReady(next))) return { items: page, done: false };
        const { done, value } = await next;
        next = undefined;
        if (done === true) return { items: page, done: true };
        page.push(value);
      }
      return { items: page, done: false };
    },
    close: () => {
      // A generator runs its `finally`; what it throws there is of no interest to anybody.
      const returned = stretches.run(() => iterator.return?.());
      Promise.resolve(returned)
        .catch(() => undefined)
        .finally(() => stretches.close());
    },
  };
}

async function isReady(promise: Promise<unknown>): Promise<boolean> {
  let ready = false;
  const settled = (): void => void (ready = true);
  promise.then(settled, settled);
  for (let step = 0; step < READY_WITHIN && !ready; step += 1) await Promise.resolve();
  return ready;
}
