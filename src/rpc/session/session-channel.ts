import type { Clock } from "../../common/clock.ts";
import type { Duration } from "../../common/duration.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";
import { RecipientUnreachableException, RpcOverloadedException } from "../exceptions.ts";
import type { CapturedArguments, MessageChannel, OutgoingMessage, RpcChannel } from "../ports/rpc-channel.ts";
import { captureArguments, requireMessageSize } from "../message-capture.ts";
import { MAX_BATCH_MESSAGES } from "./batch-decoder.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { parseFrame, readFrame, readReply } from "./frame-decoder.ts";
import { ForwardedEnvelope } from "./forwarded-envelope.ts";
import { jsonBytes, plainJsonArray } from "./plain-json.ts";
import { SESSION_VERSION } from "./session-protocol.ts";
import type { OpenRequest, PackedBatch, PackedMessage, ReplyFrame } from "./session-protocol.ts";

/** What a failed call on a session says about the messages that it carried. */
export interface SessionFailure {
  readonly error: SluiceException;
  /**
   * `undelivered`: the call never arrived. `gone`: the callee's memory is lost, and whether they ran is unknown.
   * `unknown`: they may have run in a callee that lives on. `final`: sending them again cannot help.
   */
  readonly fate: "undelivered" | "gone" | "unknown" | "final";
}

/** A session as its caller holds it. Answers are checked by the channel. */
export interface RemoteSession {
  batch(batch: PackedBatch | PackedMessage): Promise<unknown>;
  replies(received: readonly number[]): Promise<unknown>;
  /** Lets it go; calls in flight are answered all the same. */
  dispose(): void;
}

export interface SessionChannelOptions {
  readonly address: string;
  readonly clock: Clock;
  /** A session ends when it has been quiet for so long: an open one keeps both sides in memory. */
  readonly lease: Duration;
  readonly newConversation: () => string;
  /** Opens a session over a fresh connection. @throws SluiceException at once if there can be none. */
  open(
    request: OpenRequest,
  ): Promise<{ readonly session: RemoteSession; readonly instance: string; readonly frame: unknown }>;
  failureOf(thrown: unknown): SessionFailure;
}

/**
 * While so many batches are unanswered, calls wait and form the next one. Without a bound callers out of step would
 * each have a batch of their own; with one alone, every call would wait for a batch it has nothing to do with.
 */
const MAX_IN_FLIGHT = 2;
/** A session is replaced after so many calls on it, as the platform may bound them. */
const MAX_SESSION_CALLS = 5_000;
/** A batch carries roughly no more than this, unless one message does. */
const MAX_BATCH_BYTES = 8 * 1_024 * 1_024;
/** What waits for a callee that does not answer takes memory: beyond so much of it, calls are refused. */
export const MAX_QUEUED_MESSAGES = 16 * MAX_BATCH_MESSAGES;
const MAX_QUEUED_BYTES = 64 * 1_024 * 1_024;
/** How often a message is sent before its caller is told that the transport fails. */
const MAX_ATTEMPTS = 3;

const RESOLVED = Promise.resolve();

/** A batch on its way, or none. Kept for the next one: a call made alone would spend much of its time on making it. */
interface Flight {
  messages: readonly OutgoingMessage[] | undefined;
  readonly answered: (answer: unknown) => void;
  readonly failed: (thrown: unknown) => void;
}

interface OpenSession {
  readonly remote: RemoteSession;
  readonly encoder: BatchEncoder;
  calls: number;
  pulling: boolean;
}

/**
 * A channel whose messages travel in batches over sessions, which are leases: opened with the first batch, replaced
 * after many calls, closed after some quiet. Messages of one turn leave together, and those made while batches are
 * unanswered leave together after it. Each reply is handed on by itself, as soon as it is there.
 *
 * Order and at-most-once do not depend on any one session: messages are numbered over the conversation. When a session
 * breaks, what was not answered is sent again if it cannot have run, if it may run twice, or for a callee that still
 * knows what has run; everything else fails as retryable.
 */
export class SessionChannel implements RpcChannel, MessageChannel {
  // For the time of its lease.
  readonly keepsInMemory = true;
  readonly #options: SessionChannelOptions;
  #numbers = 0;
  #queue: OutgoingMessage[] = [];
  #queuedBytes = 0;
  // Used again and again; as many as there were in flight at once.
  readonly #flights: Flight[] = [];
  #inFlight = 0;
  // Delivered, and to be answered by a later frame.
  readonly #late = new Map<number, OutgoingMessage>();
  // Of batches that failed.
  #failed: { readonly message: OutgoingMessage; readonly failure: SessionFailure }[] = [];
  #broken: SessionFailure | undefined;
  #received: number[] = [];
  #conversation: string | undefined;
  #instance: string | undefined;
  #session: OpenSession | undefined;
  #flushScheduled = false;
  #turnMillis = 0;
  #leaseScheduled = false;
  #usedMillis = 0;

  constructor(options: SessionChannelOptions) {
    this.#options = options;
  }

  get messages(): this {
    return this;
  }

  send(envelope: RequestEnvelope, repeatable = false): Promise<ReplyEnvelope> {
    return new Promise((resolve, reject) => {
      const args = this.capture(envelope.args, () => `${envelope.gateway}.${envelope.method}`);
      const nowMillis = this.#options.clock.now();
      this.post(new ForwardedEnvelope(envelope, { args, repeatable, nowMillis }, { resolve, reject }));
    });
  }

  capture(args: readonly unknown[], what: () => string): CapturedArguments {
    const json = plainJsonArray(args);
    if (json !== undefined) {
      requireMessageSize(json.length, () => `arguments of ${what()}`);
      return json;
    }
    return captureArguments(args, what);
  }

  get turnMillis(): number | undefined {
    return this.#flushScheduled ? this.#turnMillis : undefined;
  }

  post(message: OutgoingMessage, nowMillis?: number): void {
    const bytes = queuedBytes(message);
    if (
      this.#queue.length >= MAX_QUEUED_MESSAGES ||
      (this.#queuedBytes > 0 && this.#queuedBytes + bytes > MAX_QUEUED_BYTES)
    ) {
      const overload = `${this.#options.address} does not keep up: ${this.#queue.length} messages wait for it here`;
      return message.failed(new RpcOverloadedException(overload));
    }
    this.#queuedBytes += bytes;
    this.#numbers += 1;
    message.number = this.#numbers;
    // An array that grows takes room for many.
    if (this.#queue.length === 0) this.#queue = [message];
    else this.#queue.push(message);
    this.#scheduleFlush(nowMillis);
  }

  #scheduleFlush(nowMillis = this.#options.clock.now()): void {
    if (this.#flushScheduled || this.#inFlight >= MAX_IN_FLIGHT) return;
    this.#flushScheduled = true;
    this.#turnMillis = nowMillis;
    // Costs a tenth of queueMicrotask on workerd.
    void RESOLVED.then(this.#scheduledFlush);
  }

  readonly #scheduledFlush = (): void => {
    this.#flushScheduled = false;
    this.#flush(this.#turnMillis);
  };

  #flush(nowMillis = this.#options.clock.now()): void {
    while (this.#queue.length > 0 && this.#broken === undefined) {
      if (this.#session !== undefined && this.#session.calls >= MAX_SESSION_CALLS) {
        // The next session's first batch and this one's last are calls of different stubs, which have no order.
        if (this.#inFlight > 0) return;
        this.#session.remote.dispose();
        this.#session = undefined;
      }
      if (this.#inFlight >= (this.#session === undefined ? 1 : MAX_IN_FLIGHT)) return;
      this.#dispatch(this.#take(), nowMillis);
    }
  }

  /** The head of the queue, as much of it as one batch may carry. */
  #take(): readonly OutgoingMessage[] {
    let bytes = 0;
    let count = 0;
    let ranIn: string | undefined;
    for (const message of this.#queue) {
      bytes += typeof message.args === "string" ? jsonBytes(message.args) : message.args.bytes;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || count >= MAX_BATCH_MESSAGES)) break;
      if (message.ranIn !== undefined) {
        // A batch names one instance.
        if (ranIn !== undefined && ranIn !== message.ranIn) break;
        ranIn = message.ranIn;
      }
      this.#queuedBytes -= queuedBytes(message);
      count += 1;
    }
    const queue = this.#queue;
    if (count === queue.length) {
      this.#queue = [];
      return queue;
    }
    this.#queue = queue.slice(count);
    return queue.slice(0, count);
  }

  #dispatch(messages: readonly OutgoingMessage[], nowMillis: number): void {
    const flight = this.#flight(messages);
    for (const message of messages) message.attempts += 1;
    const session = this.#session;
    if (session === undefined) return this.#open(flight, messages, nowMillis);
    session.calls += 1;
    const alone = this.#encodeAlone(session.encoder, messages, nowMillis);
    const batch = alone ?? this.#encode(session.encoder, messages, nowMillis);
    session.remote.batch(batch).then(flight.answered, flight.failed);
  }

  #open(flight: Flight, messages: readonly OutgoingMessage[], nowMillis: number): void {
    const encoder = new BatchEncoder();
    this.#conversation ??= this.#options.newConversation();
    const batch = this.#encode(encoder, messages, nowMillis);
    let opening: ReturnType<SessionChannelOptions["open"]>;
    try {
      opening = this.#options.open({ version: SESSION_VERSION, conversation: this.#conversation, batch });
    } catch (error) {
      opening = Promise.reject(error);
    }
    opening.then(({ session, instance, frame }) => {
      this.#session = { remote: session, encoder, calls: 0, pulling: false };
      this.#instance = instance;
      flight.answered(frame);
    }, flight.failed);
  }

  #flight(messages: readonly OutgoingMessage[]): Flight {
    this.#inFlight += 1;
    for (const flight of this.#flights) {
      if (flight.messages !== undefined) continue;
      flight.messages = messages;
      return flight;
    }
    const flight: Flight = {
      messages,
      answered: (answer) => this.#answered(flight, answer),
      failed: (thrown) => this.#callFailed(flight, thrown),
    };
    this.#flights.push(flight);
    return flight;
  }

  #encodeAlone(
    encoder: BatchEncoder,
    messages: readonly OutgoingMessage[],
    nowMillis: number,
  ): PackedMessage | undefined {
    const message = messages[0];
    if (messages.length !== 1 || message === undefined || message.ranIn !== undefined) return undefined;
    const text = encoder.encodeMessage(message, { nowMillis, received: this.#received });
    // It has told the one frame there was, if any; the array is used again.
    if (text !== undefined) this.#received.pop();
    return text;
  }

  #encode(encoder: BatchEncoder, messages: readonly OutgoingMessage[], nowMillis: number): PackedBatch {
    const received = this.#received;
    this.#received = [];
    const bound = messages.filter(({ ranIn }) => ranIn !== undefined);
    const instance = bound[0]?.ranIn;
    if (instance === undefined) return encoder.encode(messages, { nowMillis, received });
    return encoder.encode(messages, {
      nowMillis,
      received,
      onlyIn: { instance, numbers: bound.map(({ number }) => number) },
    });
  }

  #answered(flight: Flight, answer: unknown): void {
    try {
      this.#apply(answer, flight.messages ?? []);
    } catch (thrown) {
      return this.#callFailed(flight, thrown);
    }
    this.#landed(flight);
    this.#goOn();
  }

  #callFailed(flight: Flight, thrown: unknown): void {
    const messages = flight.messages ?? [];
    this.#landed(flight);
    const failure = this.#options.failureOf(thrown);
    for (const message of messages) if (!message.answered) this.#failed.push({ message, failure });
    this.#break(failure);
  }

  #landed(flight: Flight): void {
    flight.messages = undefined;
    this.#inFlight -= 1;
  }

  #goOn(): void {
    if (this.#broken !== undefined) return this.#recover();
    if (this.#queue.length > 0) this.#flush();
    this.#pull();
    this.#restartLease();
  }

  /** @throws UnknownMessageException if it is no frame. */
  #apply(value: unknown, messages: readonly OutgoingMessage[]): ReplyFrame | undefined {
    const alone = messages[0];
    if (typeof value === "string" && messages.length === 1 && alone !== undefined) {
      this.#received.push(readReply(value, alone));
      return undefined;
    }
    const frame = parseFrame(value);
    if (frame.settled === null) {
      readFrame(frame, messages);
    } else {
      for (const message of messages) if (!message.answered) this.#late.set(message.number, message);
      const answered = frame.settled.map((number) => this.#unanswered(number));
      readFrame(frame, answered);
      for (const number of frame.settled) this.#late.delete(number);
    }
    this.#received.push(frame.frame);
    return frame;
  }

  /** A frame may overtake the one of the batch whose message it answers. */
  #unanswered(number: number): OutgoingMessage | undefined {
    const late = this.#late.get(number);
    if (late !== undefined) return late;
    for (const { messages } of this.#flights) {
      const found = messages?.find((message) => message.number === number && !message.answered);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Keeps one call for later replies in flight while there are any to come. */
  #pull(): void {
    const session = this.#session;
    if (session === undefined || session.pulling || this.#late.size === 0) return;
    session.pulling = true;
    session.calls += 1;
    const received = this.#received;
    this.#received = [];
    const awaited = [...this.#late.keys()];
    session.remote.replies(received).then(
      (value) => {
        session.pulling = false;
        if (session !== this.#session) return;
        try {
          const frame = this.#apply(value, []);
          // All is answered there, and of what was awaited before this call nothing can be on its way.
          if (frame?.settled?.length === 0 && this.#inFlight === 0) this.#giveUp(awaited);
        } catch (thrown) {
          return this.#break(this.#options.failureOf(thrown));
        }
        this.#goOn();
      },
      (thrown: unknown) => {
        session.pulling = false;
        if (session === this.#session) this.#break(this.#options.failureOf(thrown));
      },
    );
  }

  #giveUp(numbers: readonly number[]): void {
    for (const number of numbers) {
      const message = this.#late.get(number);
      if (message === undefined) continue;
      this.#late.delete(number);
      fail(
        message,
        new RecipientUnreachableException(`the reply of ${this.#options.address} was lost`, { retryable: true }),
      );
    }
  }

  #break(failure: SessionFailure): void {
    this.#broken ??= failure;
    this.#session?.remote.dispose();
    this.#session = undefined;
    this.#recover();
  }

  /** Once the calls of the broken session have ended: decides about all that was not answered, and goes on. */
  #recover(): void {
    const broken = this.#broken;
    if (broken === undefined || this.#inFlight > 0) return;
    this.#broken = undefined;
    const late = [...this.#late.values()].map((message) => ({
      message,
      // These arrived, whatever became of the calls after them.
      failure: broken.fate === "undelivered" ? ({ ...broken, fate: "gone" } as const) : broken,
    }));
    const unanswered = [...late, ...this.#failed].filter(({ message }) => !message.answered);
    this.#late.clear();
    this.#failed = [];
    unanswered.sort((left, right) => left.message.number - right.message.number);
    const again: OutgoingMessage[] = [];
    for (const { message, failure } of unanswered) {
      if (this.#maySendAgain(message, failure)) again.push(message);
      else fail(message, failure.error);
    }
    for (const message of again) this.#queuedBytes += queuedBytes(message);
    this.#queue = [...again, ...this.#queue];
    this.#flush();
    this.#restartLease();
  }

  #maySendAgain(message: OutgoingMessage, { fate }: SessionFailure): boolean {
    if (fate === "final" || message.attempts >= MAX_ATTEMPTS) return false;
    if (message.repeatable || fate === "undelivered") return true;
    if (fate === "gone" || this.#instance === undefined) return false;
    message.ranIn ??= this.#instance;
    return true;
  }

  #isQuiet(): boolean {
    return this.#queue.length === 0 && this.#inFlight === 0 && this.#late.size === 0;
  }

  #restartLease(): void {
    if (this.#session === undefined || !this.#isQuiet()) return;
    const { clock, lease } = this.#options;
    this.#usedMillis = clock.now();
    if (lease === 0) return this.#endLease();
    if (this.#leaseScheduled) return;
    this.#leaseScheduled = true;
    clock.schedule(lease, () => this.#leaseEnds());
  }

  /** The one timer of the lease: an earlier use of the session moved its end. */
  #leaseEnds(): void {
    this.#leaseScheduled = false;
    if (this.#session === undefined || !this.#isQuiet()) return;
    const { clock, lease } = this.#options;
    const left = this.#usedMillis + lease - clock.now();
    if (left <= 0) return this.#endLease();
    this.#leaseScheduled = true;
    clock.schedule(left, () => this.#leaseEnds());
  }

  #endLease(): void {
    const session = this.#session;
    if (session === undefined) return;
    session.remote.dispose();
    this.#session = undefined;
    this.#conversation = undefined;
    this.#instance = undefined;
    this.#received = [];
  }
}

function fail(message: OutgoingMessage, error: SluiceException): void {
  message.answered = true;
  message.failed(error);
}

/** About what a message takes while it waits. */
function queuedBytes({ args }: OutgoingMessage): number {
  return typeof args === "string" ? args.length : args.bytes;
}
