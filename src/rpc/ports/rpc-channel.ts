import type { ReplyEnvelope, RequestEnvelope } from "../envelope/v1.ts";

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
}
