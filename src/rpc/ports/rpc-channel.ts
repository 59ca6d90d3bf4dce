import type { ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";

/**
 * One ordered way from one sender to one receiver: what is sent first arrives first. A transport supplies it; sessions
 * and coalescing have their place behind it.
 */
export interface RpcChannel {
  /**
   * Sends at most once and never twice. The reply to a tell says only whether it was let in.
   *
   * @throws (rejects) RecipientUnreachableException or another RpcException if the transport knows that no reply will
   *   come; `retryable` says whether the peer may be back.
   */
  send(envelope: RequestEnvelope): Promise<ReplyEnvelope>;
}
