import { toErrorData } from "../common/exceptions.ts";
import type { WireValue } from "../common/wire-value.ts";
import { ENVELOPE_VERSION } from "./envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "./envelope/v1.ts";
import type { Answerer } from "./fencing/answerer.ts";
import type { MessageHead } from "./ports/rpc-channel.ts";
import type { ServedMethod } from "./served-method.ts";
import { captureResult } from "./message-capture.ts";

/** What a message says of itself, or many messages of one session alike. */
export type IncomingHead = Omit<MessageHead, "version" | "idPrefix">;

/** A message whose form was checked already, however it travelled. Answered exactly once. */
export interface IncomingMessage {
  readonly head: IncomingHead;
  /** The endpoint's own note: what it found under the names of the head, maybe for an earlier message. */
  served: ServedMethod | undefined;
  readonly id: string;
  readonly args: readonly WireValue[];
  /** Given if nobody else holds the arguments: about how large they are. */
  readonly argumentBytes: number | undefined;
  readonly remainingMillis: number | null;
  /** When it arrived. */
  readonly receivedMillis: number;
  readonly depth: number;
  readonly chain: readonly string[];
  readonly trace: string | null;
  /**
   * Takes what the handler returned, as it is now, for {@link answer}.
   *
   * @returns about how large it is.
   * @throws SerializationException naming `label` and the bad value's path or the size (contract Z7, Z8).
   */
  capture(result: unknown, label: string): number;
  /** Answers with what was captured, or with nothing. */
  answer(by: Answerer): void;
  answerError(by: Answerer, error: unknown): void;
}

/** A message that travelled as an envelope of its own, and is answered with one. */
export class EnvelopeMessage implements IncomingMessage {
  readonly head: RequestEnvelope;
  served: ServedMethod | undefined;
  readonly argumentBytes = undefined;
  readonly receivedMillis: number;
  readonly #address: string;
  readonly #settle: (reply: ReplyEnvelope) => void;
  #value: WireValue;

  constructor(
    envelope: RequestEnvelope,
    at: { readonly address: string; readonly nowMillis: number },
    settle: (reply: ReplyEnvelope) => void,
  ) {
    this.head = envelope;
    this.receivedMillis = at.nowMillis;
    this.#address = at.address;
    this.#settle = settle;
  }

  get id(): string {
    return this.head.id;
  }

  get args(): readonly WireValue[] {
    return this.head.args;
  }

  get remainingMillis(): number | null {
    return this.head.remainingMillis;
  }

  get depth(): number {
    return this.head.depth;
  }

  get chain(): readonly string[] {
    return this.head.chain;
  }

  get trace(): string | null {
    return this.head.trace;
  }

  capture(result: unknown, label: string): number {
    const { value, bytes } = captureResult(result, label);
    this.#value = value;
    return bytes;
  }

  answer({ epoch, incarnation }: Answerer): void {
    const head = { version: ENVELOPE_VERSION, id: this.id, address: this.#address, epoch, incarnation } as const;
    this.#settle({ ...head, outcome: "value", value: this.#value });
  }

  answerError(by: Answerer, error: unknown): void {
    this.#settle(errorReply({ id: this.id, address: this.#address, by }, error));
  }
}

/** The reply to what need not be an envelope. */
export function errorReply(
  to: { readonly id: string; readonly address: string; readonly by: Answerer },
  error: unknown,
): ReplyEnvelope {
  const { epoch, incarnation } = to.by;
  const head = { version: ENVELOPE_VERSION, id: to.id, address: to.address, epoch, incarnation } as const;
  return { ...head, outcome: "error", error: toErrorData(error) };
}
