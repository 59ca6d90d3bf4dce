import { toErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import type { Answerer } from "../../rpc/fencing/answerer.ts";
import type { IncomingMessage } from "../../rpc/incoming-message.ts";
import { NO_TAIL } from "../../rpc/ports/rpc-channel.ts";
import type { MessageHead, OutgoingMessage } from "../../rpc/ports/rpc-channel.ts";
import { captureResult } from "../../rpc/message-capture.ts";
import type { ServedMethod } from "../../rpc/served-method.ts";

/** A message that does not leave its process: the callee's side of what the caller made. */
export class LocalMessage implements IncomingMessage {
  served: ServedMethod | undefined = undefined;
  readonly receivedMillis: number;
  readonly #message: OutgoingMessage;
  #value: WireValue = undefined;

  constructor(message: OutgoingMessage, nowMillis: number) {
    this.#message = message;
    this.receivedMillis = nowMillis;
  }

  get head(): MessageHead {
    return this.#message.head;
  }

  get id(): string {
    const { head, idNumber } = this.#message;
    return idNumber === NO_TAIL ? head.idPrefix : `${head.idPrefix}${idNumber}`;
  }

  /** Captured by the caller's channel for this one delivery. */
  get args(): readonly WireValue[] {
    const { args } = this.#message;
    return typeof args === "string" ? [] : args.values;
  }

  get argumentBytes(): number | undefined {
    const { args } = this.#message;
    return typeof args === "string" ? undefined : args.bytes;
  }

  get remainingMillis(): number | null {
    const { deadlineMillis } = this.#message;
    return deadlineMillis === undefined ? null : Math.max(0, deadlineMillis - this.receivedMillis);
  }

  get depth(): number {
    return this.#message.depth;
  }

  get chain(): readonly string[] {
    return this.#message.chain;
  }

  get trace(): string | null {
    return this.#message.trace;
  }

  capture(result: unknown, label: string): number {
    const { value, bytes } = captureResult(result, label);
    this.#value = value;
    return bytes;
  }

  answer(by: Answerer): void {
    const { epoch, incarnation } = by;
    // Of this moment: the callee's may rise.
    const answerer = { epoch, incarnation };
    this.#later(() => this.#message.replied(answerer, this.#value));
  }

  answerError({ epoch, incarnation }: Answerer, error: unknown): void {
    const data = toErrorData(error);
    this.#later(() => this.#message.refused({ epoch, incarnation }, data));
  }

  /** Never on the callee's stack. */
  #later(answer: () => void): void {
    void Promise.resolve().then(answer);
  }
}
