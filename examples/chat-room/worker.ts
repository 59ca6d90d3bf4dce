import { durableObject, rpcServiceOf } from "sluice/rpc/durable-object";
import { ChatRoom, ChatRoomGateway } from "./chat-room.ts";

const ADMITTED = "admitted";

/** The room's object holds the WebSockets: they outlive its memory, so an idle room costs nothing while people listen. */
export class ChatRoomObject extends durableObject(
  (context, _env: object, state) =>
    new ChatRoom(context, {
      admit: (listener, history) => {
        const [socket] = state.getWebSockets(listener);
        socket?.serializeAttachment(ADMITTED);
        for (const message of history) socket?.send(JSON.stringify(message));
      },
      hear: (message) => {
        const admitted = state.getWebSockets().filter((socket) => socket.deserializeAttachment() === ADMITTED);
        for (const socket of admitted) socket.send(JSON.stringify(message));
      },
    }),
  [ChatRoomGateway],
) {
  readonly #room = () => rpcServiceOf(this.env).gateway(ChatRoomGateway, this.ctx.id.name ?? "");

  override async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const { 0: client, 1: server } = new WebSocketPair();
    const listener = crypto.randomUUID();
    this.ctx.acceptWebSocket(server, [listener, searchParams.get("name") ?? "anonymous"]);
    await this.#room().join(listener, Number(searchParams.get("after")));
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, text: string | ArrayBuffer): Promise<void> {
    const [, author = ""] = this.ctx.getTags(socket);
    const refused = (error: unknown): void => socket.send(JSON.stringify({ error: String(error) }));
    await this.#room()
      .say(author, typeof text === "string" ? text : "")
      .catch(refused);
  }
}

export default {
  fetch(request, env) {
    if (request.headers.get("upgrade") !== "websocket") return new Response("Speak WebSocket.\n", { status: 426 });
    const [, room = "lobby"] = /^\/rooms\/([\w-]{1,64})$/.exec(new URL(request.url).pathname) ?? [];
    return env.CHAT_ROOM.getByName(`chat-room/${room}`).fetch(request);
  },
} satisfies ExportedHandler<{ readonly CHAT_ROOM: DurableObjectNamespace<ChatRoomObject> }>;
