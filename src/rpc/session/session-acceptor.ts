import type { IdSource } from "../../common/ids.ts";
import { UnknownMessageException } from "../exceptions.ts";
import { BatchDecoder } from "./batch-decoder.ts";
import { Conversation, parseReceived } from "./conversation.ts";
import type { Recipient } from "./conversation.ts";
import { SESSION_VERSION } from "./session-protocol.ts";
import type { OpenReply, OpenRequest, PackedFrame, Session } from "./session-protocol.ts";

/** Conversations without a session that are remembered: their callers may have lost it and come back. */
const MAX_DETACHED = 64;

/**
 * The callee's side of all sessions of one endpoint's object. What it remembers of a conversation lives as long as the
 * object's memory, at most: `instance` tells a caller that comes back whether it is still known what has run.
 */
export class SessionAcceptor {
  readonly #recipient: Recipient;
  readonly #ids: IdSource;
  // Least recently opened first.
  readonly #conversations = new Map<string, Conversation>();
  readonly #sessions = new Map<Conversation, number>();

  constructor(recipient: Recipient, ids: IdSource) {
    this.#recipient = recipient;
    this.#ids = ids;
  }

  /**
   * Opens a session and takes the batch that rides along.
   *
   * @param wrap makes of a session what the platform can hand out beside its batches; its holder disposes it.
   * @throws UnknownMessageException if `value` is no request of this version: nothing was let in.
   */
  async open<S extends Session>(value: unknown, wrap: (session: HeldSession) => S): Promise<OpenReply<S>> {
    const { conversation: id, batch: first } = parseOpen(value);
    const decoder = new BatchDecoder(this.#recipient.address);
    const conversation = this.#conversation(id);
    const answer = conversation.batch(first, decoder);
    const session = this.#session(conversation, decoder);
    return { session: wrap(session), batch: session.batch, instance: conversation.instance, frame: await answer };
  }

  #conversation(id: string): Conversation {
    const known = this.#conversations.get(id);
    if (known !== undefined) {
      known.resume();
      this.#conversations.delete(id);
    }
    const conversation = known ?? new Conversation(this.#recipient, this.#ids.hex());
    this.#conversations.set(id, conversation);
    this.#prune();
    return conversation;
  }

  #session(conversation: Conversation, decoder: BatchDecoder): HeldSession {
    this.#sessions.set(conversation, (this.#sessions.get(conversation) ?? 0) + 1);
    let open = true;
    return {
      batch: (value) =>
        typeof value === "string" ? conversation.message(value, decoder) : conversation.batch(value, decoder),
      replies: (value) => conversation.replies(parseReceived(value)),
      ended: () => {
        if (!open) return;
        open = false;
        const left = (this.#sessions.get(conversation) ?? 1) - 1;
        if (left > 0) return void this.#sessions.set(conversation, left);
        this.#sessions.delete(conversation);
        conversation.detach();
      },
    };
  }

  #prune(): void {
    let detached = this.#conversations.size - this.#sessions.size;
    if (detached <= MAX_DETACHED) return;
    for (const [id, conversation] of this.#conversations) {
      if (detached <= MAX_DETACHED) return;
      if (this.#sessions.has(conversation)) continue;
      this.#conversations.delete(id);
      detached -= 1;
    }
  }
}

/** A session together with the notice that its holder let it go, or is gone. */
export interface HeldSession {
  /** @throws UnknownMessageException at once for what is no batch. */
  readonly batch: OpenReply["batch"];
  replies(value: unknown): PackedFrame | Promise<PackedFrame>;
  ended(): void;
}

function parseOpen(value: unknown): OpenRequest {
  const fields: Partial<Record<keyof OpenRequest, unknown>> = typeof value === "object" && value !== null ? value : {};
  const { version, conversation, batch } = fields;
  if (version !== SESSION_VERSION) {
    // Anything else may have a way of its own to become a string.
    const found = typeof version === "number" ? String(version) : typeof version;
    throw new UnknownMessageException(`session: expected version ${SESSION_VERSION}, got ${found}`);
  }
  if (typeof conversation !== "string" || conversation === "") {
    throw new UnknownMessageException("session: expected the name of a conversation");
  }
  // The batch is checked by whoever reads it.
  return { version, conversation, batch: batch as OpenRequest["batch"] };
}
