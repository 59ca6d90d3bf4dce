import type { ReplyEnvelope } from "../envelope/v1.ts";
import { RecipientUnreachableException, UnknownMessageException } from "../exceptions.ts";
import type { Answerer } from "../fencing/answerer.ts";
import type { BatchDecoder } from "./batch-decoder.ts";
import { isIntegers } from "./frame-decoder.ts";
import { encodeFrame } from "./frame-encoder.ts";
import type { PackedFrame, PackedReply } from "./session-protocol.ts";
import type { SessionRequest } from "./session-request.ts";

/** The endpoint behind a conversation. */
export interface Recipient {
  readonly address: string;
  /** Lets one message in, and answers it once, at once if the message's turn has ended by then. */
  accept(message: SessionRequest): void;
  /** The same for something that need not be an envelope, which is answered with a typed error then. */
  receive(message: unknown): Promise<ReplyEnvelope>;
  identity(): Answerer;
  now(): number;
  /** Lets several messages in: whatever `body` does takes place without anything between. */
  run(nowMillis: number, body: () => void): void;
}

/** A frame carries roughly no more than this, unless one reply does; the rest follows in the next one. */
const MAX_FRAME_BYTES = 8 * 1_024 * 1_024;

/** Of a conversation without a session no more replies than this are kept: who comes back then is told they are lost. */
const MAX_DETACHED_BYTES = 64 * 1_024;

/**
 * How many microtasks without any reply a batch waits for handlers that only just await: they answer with their batch
 * then. Nothing else gets in between.
 */
const PATIENCE = 16;

/**
 * The callee's half of what one caller says to it, over all its sessions. Remembers the last message's number and the
 * replies that may not have arrived, so a batch that is sent again runs nothing twice and is answered all the same.
 */
export class Conversation {
  /** Names the memory of what has run: another conversation of the same name has another one. */
  readonly instance: string;
  readonly #recipient: Recipient;
  #last = 0;
  // Messages that have been let in and whose reply is awaited.
  readonly #open = new Set<number>();
  #ready: SessionRequest[] = [];
  // Frames that may not have arrived: few, and mostly one.
  readonly #told: ToldFrame[] = [];
  #frames = 0;
  // Batches whose frame is being made.
  #batches = 0;
  #waiting: ((frame: PackedFrame) => void) | undefined;
  #wakeScheduled = false;

  constructor(recipient: Recipient, instance: string) {
    this.#recipient = recipient;
    this.instance = instance;
  }

  /** Another session carries on: replies that may have been lost with the former one are told again. */
  resume(): void {
    this.#release();
    const again = this.#told.flatMap(({ settled }) => settled);
    this.#told.length = 0;
    this.#ready = [...again, ...this.#ready];
  }

  /** @throws UnknownMessageException for something that is no batch: nothing of it is let in then. */
  batch(value: unknown, decoder: BatchDecoder): PackedFrame | Promise<PackedFrame> {
    const nowMillis = this.#recipient.now();
    const { batch, messages } = decoder.decode(value, nowMillis);
    for (const frame of batch.received) this.#forget(frame);
    const onlyHere = batch.onlyIn?.instance === this.instance ? undefined : batch.onlyIn?.numbers;
    const elsewhere = onlyHere === undefined ? undefined : new Set(onlyHere);
    // Whatever settles meanwhile is told by the batch's own frame.
    this.#batches += 1;
    const own: OpenCount = { open: 0 };
    this.#recipient.run(nowMillis, () => {
      for (const message of messages) this.#admit(message, own, elsewhere);
    });
    if (own.open === 0) return this.#batchFrame(messages);
    return patiently(own).then(() => this.#batchFrame(messages));
  }

  /** A batch of one message. @throws UnknownMessageException for something that is none. */
  message(text: string, decoder: BatchDecoder): PackedReply | PackedFrame | Promise<PackedFrame> {
    const nowMillis = this.#recipient.now();
    const { message, received } = decoder.decodeMessage(text, nowMillis);
    if (received !== null) this.#forget(received);
    this.#batches += 1;
    const own: OpenCount = { open: 0 };
    this.#recipient.run(nowMillis, () => this.#admit(message, own, undefined));
    if (own.open > 0) return patiently(own).then(() => this.#batchFrame([message]));
    return this.#isAlone(message) ? this.#reply(message) : this.#batchFrame([message]);
  }

  /** Whether `message` is all that is settled, with a value that JSON can carry or none. */
  #isAlone(message: SessionRequest): boolean {
    if (this.#ready.length !== 1 || this.#ready[0] !== message || message.error !== undefined) return false;
    return message.json !== undefined || message.value === undefined;
  }

  #reply(message: SessionRequest): PackedReply {
    this.#batches -= 1;
    this.#frames += 1;
    this.#told.push({ frame: this.#frames, settled: this.#ready });
    this.#ready = [];
    if (this.#batches === 0) this.#wake();
    const value = message.json === undefined ? "" : `,${message.json}`;
    return `[${this.#frames},${message.epoch},${message.incarnation}${value}]`;
  }

  /** The next frame: at once if something is settled or nothing is open, else as soon as that is so. */
  replies(received: readonly number[]): PackedFrame | Promise<PackedFrame> {
    for (const frame of received) this.#forget(frame);
    this.#release();
    if (this.#ready.length > 0 || this.#open.size === 0) return this.#frame();
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  /** It has no session: its caller is done, or has lost it and may come back. */
  detach(): void {
    this.#release();
    const replies = this.#told.flatMap(({ settled }) => settled);
    const bytes = replies.reduce((sum, reply) => sum + reply.bytes, 0);
    if (bytes > MAX_DETACHED_BYTES) this.#told.length = 0;
  }

  #admit(message: SessionRequest, own: OpenCount, elsewhere: ReadonlySet<number> | undefined): void {
    const { number } = message;
    if (number <= this.#last) return this.#repeated(message);
    this.#last = number;
    message.onAnswer(this.#settled);
    if (elsewhere?.has(number) === true) return this.#lost(message);
    if (message.sound) this.#recipient.accept(message);
    else void this.#recipient.receive(message.envelope()).then((reply) => message.answerWith(reply));
    // Most are by now.
    if (message.answered) return;
    this.#open.add(number);
    own.open += 1;
    message.onAnswer((answered) => {
      if (this.#open.delete(number)) own.open -= 1;
      this.#settled(answered);
    });
  }

  /** A message that was let in before is answered when it settles, or was settled and is told again. */
  #repeated(message: SessionRequest): void {
    const isSame = ({ number }: SessionRequest): boolean => number === message.number;
    if (this.#open.has(message.number) || this.#ready.some(isSame)) return;
    if (this.#told.some(({ settled }) => settled.some(isSame))) return;
    message.onAnswer(this.#settled);
    this.#lost(message);
  }

  readonly #settled = (message: SessionRequest): void => {
    // An array that grows takes room for many.
    if (this.#ready.length === 0) this.#ready = [message];
    else this.#ready.push(message);
    if (this.#batches === 0) this.#wake();
  };

  /** Answers whoever waits for replies, with all that settles until the end of this microtask. */
  #wake(): void {
    if (this.#waiting === undefined || this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    queueMicrotask(() => {
      this.#wakeScheduled = false;
      if (this.#batches > 0) return;
      if (this.#ready.length > 0 || this.#open.size === 0) this.#release();
    });
  }

  #release(): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve?.(this.#frame());
  }

  #batchFrame(batch: readonly SessionRequest[]): PackedFrame {
    this.#batches -= 1;
    const frame = this.#frame(batch);
    if (this.#batches === 0) this.#wake();
    return frame;
  }

  /** @param batch what the frame answers, if it answers a batch. */
  #frame(batch: readonly SessionRequest[] = []): PackedFrame {
    let settled = this.#ready;
    let bytes = 0;
    let count = 0;
    for (const message of settled) {
      bytes += message.bytes;
      if (bytes > MAX_FRAME_BYTES && count > 0) break;
      count += 1;
    }
    this.#ready = settled.slice(count);
    if (this.#ready.length > 0) settled = settled.slice(0, count);
    this.#frames += 1;
    if (settled.length > 0) this.#told.push({ frame: this.#frames, settled });
    return encodeFrame(this.#frames, settled, isAllOf(batch, settled));
  }

  #forget(frame: number): void {
    const told = this.#told;
    if (told[told.length - 1]?.frame === frame) return void told.pop();
    const index = told.findIndex((other) => other.frame === frame);
    if (index >= 0) told.splice(index, 1);
  }

  #lost(message: SessionRequest): void {
    const { gateway, method } = message.head;
    const error = new RecipientUnreachableException(
      `${this.#recipient.address} was reset while ${gateway}.${method} was on its way: whether it ran is not known`,
      { retryable: true },
    );
    message.answerError(this.#recipient.identity(), error);
  }
}

/** @throws UnknownMessageException unless `value` is a list of frames' numbers. */
export function parseReceived(value: unknown): readonly number[] {
  if (!isIntegers(value)) throw new UnknownMessageException("malformed list of received frames");
  return value;
}

/** What a frame tells. */
interface ToldFrame {
  readonly frame: number;
  readonly settled: readonly SessionRequest[];
}

/** How many messages of one batch are open. */
interface OpenCount {
  open: number;
}

async function patiently(own: OpenCount): Promise<void> {
  let known = own.open;
  for (let waited = 0; waited < PATIENCE && own.open > 0; waited += 1) {
    await Promise.resolve();
    if (own.open < known) waited = 0;
    known = own.open;
  }
}

/** Whether `settled` is all of `batch`, in its order. */
function isAllOf(batch: readonly SessionRequest[], settled: readonly SessionRequest[]): boolean {
  if (batch.length === 0 || batch.length !== settled.length) return false;
  for (let index = 0; index < batch.length; index += 1) {
    if (batch[index] !== settled[index]) return false;
  }
  return true;
}
