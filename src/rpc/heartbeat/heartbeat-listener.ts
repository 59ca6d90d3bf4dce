/**
 * What a heartbeat manager asks of and tells its endpoint (Flink `HeartbeatListener`). Every call is made on the endpoint's
 * main thread.
 */
export interface HeartbeatListener<Incoming, Outgoing> {
  /** No heartbeat of the target for the whole timeout; once per monitored target (H5). */
  notifyHeartbeatTimeout(targetId: string): void;
  /** As many heartbeats in a row could not be delivered as the threshold says; once per monitored target (H14). */
  notifyTargetUnreachable(targetId: string): void;
  /** A payload came, also from an origin that is not monitored (H7). */
  reportPayload(targetId: string, payload: Incoming): void;
  /** The payload for this target, asked for at the moment of sending (H10). */
  retrievePayload(targetId: string): Outgoing;
}

/**
 * Sends one heartbeat to the peer: a request if this side is the sender, an answer if it is the receiver. One function may
 * serve many peers. A returned promise tells the outcome, which is counted (H13 to H16); without one only silence tells.
 */
export type HeartbeatTarget<Outgoing> = (payload: Outgoing, targetId: string) => Promise<unknown> | undefined;
