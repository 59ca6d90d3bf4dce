import type { MessageSocket } from "./held-protocol.ts";

/** Answers an upgrade request; the socket's events may only come after the call. `Deno.upgradeWebSocket` has this form. */
export type UpgradeWebSocket = (
  request: Request,
  protocol: string,
) => { readonly response: Response; readonly socket: MessageSocket };

/** As Workers do it; `undefined` on other platforms. The socket lives in the Worker, and ends with it. */
export function upgradeOnWorkers(): UpgradeWebSocket | undefined {
  if (typeof WebSocketPair === "undefined") return undefined;
  return (_request, protocol) => {
    const { 0: client, 1: socket } = new WebSocketPair();
    socket.accept();
    const headers = { "sec-websocket-protocol": protocol };
    return { response: new Response(null, { status: 101, webSocket: client, headers }), socket };
  };
}
