import { toErrorData } from "../../common/exceptions.ts";
import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";
import type { Answerer } from "../fencing/answerer.ts";
import type { IncomingMessage } from "../incoming-message.ts";
import { NO_TAIL } from "../ports/rpc-channel.ts";
import type { MessageHead } from "../ports/rpc-channel.ts";
import { captureResult, requireMessageSize } from "../message-capture.ts";
import type { ServedMethod } from "../served-method.ts";
import { jsonBytes, plainJson } from "./plain-json.ts";
import type { MessageCause } from "./session-protocol.ts";

/** What a reply without a value counts as. */
const SMALL = 16;

const NO_ARGS: readonly WireValue[] = [];

/** A head as a session's decoder keeps it. */
export interface SessionHead {
  readonly head: MessageHead;
  /** Whether an envelope may say so. */
  readonly sound: boolean;
  served: ServedMethod | undefined;
}

/** What a message of a batch says beside its head. */
export interface RequestParts {
  readonly number: number;
  readonly tail: number;
  readonly cause: MessageCause;
  readonly args: readonly WireValue[];
  readonly argumentBytes: number;
  readonly remainingMillis: number | null;
  readonly sound: boolean;
  /** When its batch arrived. */
  readonly receivedMillis: number;
}

/**
 * A message of a batch, and its answer. To be looked at once more if it is not `sound`: then it need not be what an
 * envelope may say.
 */
export class SessionRequest implements IncomingMessage {
  readonly number: number;
  readonly sound: boolean;
  readonly argumentBytes: number;
  readonly remainingMillis: number | null;
  readonly receivedMillis: number;
  #args: readonly WireValue[];
  readonly #address: string;
  readonly #head: SessionHead;
  readonly #tail: number;
  readonly #cause: MessageCause;
  #onAnswer: ((request: SessionRequest) => void) | undefined;
  #answered = false;
  /** The answer's value as JSON; undefined if it has to be cloned, or is none. */
  json: string | undefined;
  value: WireValue;
  error: ErrorData | undefined;
  /** About how large the answer is in a frame. */
  bytes = SMALL;
  epoch = 0;
  incarnation = 0;

  constructor(address: string, head: SessionHead, parts: RequestParts) {
    this.#address = address;
    this.#head = head;
    this.number = parts.number;
    this.sound = parts.sound;
    this.#args = parts.args;
    this.argumentBytes = parts.argumentBytes;
    this.remainingMillis = parts.remainingMillis;
    this.receivedMillis = parts.receivedMillis;
    this.#tail = parts.tail;
    this.#cause = parts.cause;
  }

  /** None any more of one that was answered well: it is kept until the answer has arrived. */
  get args(): readonly WireValue[] {
    return this.#args;
  }

  get head(): MessageHead {
    return this.#head.head;
  }

  get served(): ServedMethod | undefined {
    return this.#head.served;
  }

  set served(served: ServedMethod | undefined) {
    this.#head.served = served;
  }

  get id(): string {
    const { idPrefix } = this.#head.head;
    return this.#tail === NO_TAIL ? idPrefix : `${idPrefix}${this.#tail}`;
  }

  get depth(): number {
    return this.#cause.depth;
  }

  get chain(): readonly string[] {
    return this.#cause.chain;
  }

  get trace(): string | null {
    return this.#cause.trace;
  }

  /** Whether its caller waits for a value. */
  get valued(): boolean {
    return this.head.kind !== "tell";
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Calls `listener` when it is answered. */
  onAnswer(listener: (request: SessionRequest) => void): void {
    this.#onAnswer = listener;
  }

  capture(result: unknown, label: string): number {
    if (result === undefined) return 0;
    const json = plainJson(result);
    if (json === undefined) {
      const { value, bytes } = captureResult(result, label);
      this.value = value;
      this.bytes = bytes;
      return bytes;
    }
    requireMessageSize(json.length, () => `result of ${label}`);
    this.json = json;
    this.bytes = jsonBytes(json);
    return json.length;
  }

  answer(by: Answerer): void {
    if (this.#answered) return;
    this.#answered = true;
    if (this.error === undefined) this.#args = NO_ARGS;
    this.epoch = by.epoch;
    this.incarnation = by.incarnation;
    this.#onAnswer?.(this);
  }

  answerError(by: Answerer, error: unknown): void {
    if (this.#answered) return;
    this.error = toErrorData(error);
    this.answer(by);
  }

  /** As an envelope of its own; of one that is not sound, whatever came. */
  envelope(): RequestEnvelope {
    const { version, kind, gateway, gatewayVersion, method, epoch, sender } = this.head;
    return {
      version,
      kind,
      id: this.id,
      endpoint: this.#address,
      gateway,
      gatewayVersion,
      method,
      args: this.args,
      attachments: [],
      epoch,
      sender,
      seq: this.number,
      remainingMillis: this.remainingMillis,
      depth: this.depth,
      chain: this.chain,
      trace: this.trace,
    };
  }

  /** Answers with what an envelope was answered with. */
  answerWith(reply: ReplyEnvelope): void {
    if (reply.outcome === "error") this.error = reply.error;
    else this.capture(reply.value, "the endpoint");
    this.answer(reply);
  }
}
