import type { ErrorData } from "../../common/exceptions.ts";
import type { WireValue } from "../../common/wire-value.ts";
import type { ENVELOPE_VERSION, MessageKind, ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";
import type { Epoch, SenderIdentity } from "../fencing/epoch.ts";
import type { Answerer } from "../fencing/answerer.ts";

/**
 * One ordered way from one sender to one receiver: what is sent first arrives first. A transport supplies it; sessions
 * and coalescing have their place behind it.
 */
export interface RpcChannel {
  /**
   * Delivers at most once, or, with `repeatable`, may deliver again after the receiver was reset. The reply to a tell
   * says only whether it was let in.
   *
   * @param repeatable running it twice has the effect of running it once. Default false.
   * @throws (rejects) RecipientUnreachableException or another RpcException if the transport knows that no reply will
   *   come; `retryable` says whether the peer may be back.
   */
  send(envelope: RequestEnvelope, repeatable?: boolean): Promise<ReplyEnvelope>;
  /** The same way for messages that are no envelopes, if there is one; in order with {@link send}. */
  readonly messages?: MessageChannel;
}

/** An {@link RpcChannel} that carries many messages together, and needs no envelope and no promise for each. */
export interface MessageChannel {
  /** What time it is, if the calls of one turn are being made and it was looked at for the first of them. */
  readonly turnMillis: number | undefined;
  /** Whether it keeps its caller in memory for some seconds after a message. */
  readonly keepsInMemory: boolean;
  /**
   * Takes the arguments of a call, as they are now.
   *
   * @param what names them in errors.
   * @throws SerializationException if one cannot be sent or they are too large.
   */
  capture(args: readonly unknown[], what: () => string): CapturedArguments;
  /**
   * As {@link RpcChannel.send}; answers by the message's own methods, one of them, once.
   *
   * @param nowMillis what time it is, if that was just looked at.
   */
  post(message: OutgoingMessage, nowMillis?: number): void;
}

/** Arguments that later changes do not reach: as JSON, or what JSON cannot carry as a copy. */
export type CapturedArguments = string | { readonly values: readonly WireValue[]; readonly bytes: number };

/** What many messages of one caller have in common; the same object where it is the same. */
export interface MessageHead {
  readonly version: typeof ENVELOPE_VERSION;
  readonly kind: MessageKind;
  readonly gateway: string;
  readonly gatewayVersion: number;
  readonly method: string;
  readonly epoch: Epoch | null;
  readonly sender: SenderIdentity | null;
  /** Ids of requests are this and a number. */
  readonly idPrefix: string;
}

/** In place of a number at the end of an id that has none. */
export const NO_TAIL = -1;

/** A message on its way. */
export interface OutgoingMessage {
  readonly head: MessageHead;
  /** Tail of its id; {@link NO_TAIL} if the id is all prefix. */
  readonly idNumber: number;
  readonly args: CapturedArguments;
  /** When its caller stops waiting. */
  readonly deadlineMillis: number | undefined;
  readonly depth: number;
  readonly chain: readonly string[];
  readonly trace: string | null;
  readonly repeatable: boolean;
  /** The channel's own note: its number among those of the channel. */
  number: number;
  /** The channel's own note: how often it was sent. */
  attempts: number;
  /** The channel's own note: the instance outside of which it must not run, since it may have run there. */
  ranIn: string | undefined;
  /** The channel's own note. */
  answered: boolean;
  replied(by: Answerer, value: WireValue): void;
  refused(by: Answerer, error: ErrorData): void;
  /** No reply will come. */
  failed(thrown: unknown): void;
}
