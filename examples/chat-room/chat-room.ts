import { ask, defineGateway, RpcEndpoint } from "sluice/rpc";
import type { EndpointContext, HandlerOf } from "sluice/rpc";
import * as z from "zod";

const Message = z.object({ id: z.int(), author: z.string(), text: z.string(), at: z.int() });
export type Message = z.output<typeof Message>;

export const ChatRoomGateway = defineGateway("ChatRoom", {
  version: 1,
  turns: "sync",
  methods: {
    say: ask<(author: string, text: string) => Message>({
      parameters: z.tuple([z.string().min(1).max(40), z.string().min(1).max(2_000)]),
    }),
    join: ask<(listener: string, after: number) => undefined>({ readOnly: true }),
  },
});

/** Whoever listens. What a turn tells them leaves once its writes are durable. */
export interface Audience {
  admit(listener: string, history: readonly Message[]): undefined;
  hear(message: Message): undefined;
}

export class ChatRoom extends RpcEndpoint implements HandlerOf<typeof ChatRoomGateway> {
  readonly #audience: Audience;

  constructor(context: EndpointContext, audience: Audience) {
    super(context);
    this.#audience = audience;
  }

  override onStart(): void {
    this.storage.sql.exec("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, author, text, at)");
  }

  say(author: string, text: string): Message {
    const insert = "INSERT INTO messages (author, text, at) VALUES (?, ?, ?) RETURNING *";
    const message = Message.parse(this.storage.sql.exec(insert, author, text, this.clock.now())[0]);
    this.#audience.hear(message);
    return message;
  }

  // One turn: nobody can say anything between the history and the admission, so nothing is missed or heard twice.
  join(listener: string, after: number): undefined {
    const select = "SELECT * FROM messages WHERE id > ? ORDER BY id DESC LIMIT 100";
    const history = z.array(Message).parse(this.storage.sql.exec(select, after)).reverse();
    return this.#audience.admit(listener, history);
  }
}
