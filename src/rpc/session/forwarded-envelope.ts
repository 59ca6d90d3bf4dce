import type { ErrorData, SluiceException } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { ENVELOPE_VERSION } from "../envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";
import type { Answerer } from "../fencing/answerer.ts";
import { NO_TAIL } from "../ports/rpc-channel.ts";
import type { CapturedArguments, MessageHead, OutgoingMessage } from "../ports/rpc-channel.ts";

/** How a {@link ForwardedEnvelope} is answered. */
interface Answer {
  resolve(reply: ReplyEnvelope): void;
  reject(error: unknown): void;
}

/** An envelope that came from elsewhere and goes on as a message of a session. */
export class ForwardedEnvelope implements OutgoingMessage {
  readonly head: MessageHead;
  readonly idNumber: number;
  readonly args: CapturedArguments;
  readonly deadlineMillis: number | undefined;
  readonly repeatable: boolean;
  number = 0;
  attempts = 0;
  ranIn: string | undefined = undefined;
  answered = false;
  readonly #envelope: RequestEnvelope;
  readonly #answer: Answer;

  constructor(
    envelope: RequestEnvelope,
    as: { readonly args: CapturedArguments; readonly repeatable: boolean; readonly nowMillis: number },
    answer: Answer,
  ) {
    const { version, kind, gateway, gatewayVersion, method, epoch, sender, id, remainingMillis } = envelope;
    const { prefix, tail } = splitId(id);
    this.head = { version, kind, gateway, gatewayVersion, method, epoch, sender, idPrefix: prefix };
    this.idNumber = tail;
    this.args = as.args;
    this.deadlineMillis = remainingMillis === null ? undefined : as.nowMillis + remainingMillis;
    this.repeatable = as.repeatable;
    this.#envelope = envelope;
    this.#answer = answer;
  }

  get depth(): number {
    return this.#envelope.depth;
  }

  get chain(): readonly string[] {
    return this.#envelope.chain;
  }

  get trace(): string | null {
    return this.#envelope.trace;
  }

  replied(by: Answerer, value: WireValue): void {
    this.#answer.resolve({ ...this.#replyHead(by), outcome: "value", value });
  }

  refused(by: Answerer, error: ErrorData): void {
    this.#answer.resolve({ ...this.#replyHead(by), outcome: "error", error });
  }

  failed(error: SluiceException): void {
    this.#answer.reject(error);
  }

  #replyHead({ epoch, incarnation }: Answerer): Omit<ReplyEnvelope, "outcome" | "value" | "error"> {
    const { id, endpoint } = this.#envelope;
    return { version: ENVELOPE_VERSION, id, address: endpoint, epoch, incarnation };
  }
}

const DIGIT_ZERO = 48;
const DIGIT_NINE = 57;
/** More digits than these might not be a safe integer. */
const MAX_TAIL_DIGITS = 15;

function splitId(id: string): { readonly prefix: string; readonly tail: number } {
  let start = id.length;
  let tail = 0;
  let scale = 1;
  while (start > 0 && id.length - start < MAX_TAIL_DIGITS) {
    const code = id.charCodeAt(start - 1);
    if (code < DIGIT_ZERO || code > DIGIT_NINE) break;
    tail += (code - DIGIT_ZERO) * scale;
    scale *= 10;
    start -= 1;
  }
  // Without a leading zero, so that the number alone gives the digits back.
  if (start === id.length || id.charCodeAt(start) === DIGIT_ZERO) return { prefix: id, tail: NO_TAIL };
  return { prefix: id.slice(0, start), tail };
}
