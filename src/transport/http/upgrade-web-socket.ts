import type { MessageSocket } from "./held-protocol.ts";

/** Answers an upgrade request; the socket's events may only come after the call. `Deno.upgradeWebSocket` is nearly of this form. */
export type UpgradeWebSocket = (
  request: Request,
  protocol: string,
) => { readonly response: Response; readonly socket: MessageSocket };

/**
 * As Workers do it; `undefined` on other platforms. The socket lives in the Worker, and ends with it.
 *
 * @param options `compression: false` declines the compression that clients offer, which takes longer than the rest of a
 *   short message. Workers have no other word for it than an extension that nobody offered: try it behind your proxies.
 */
export function upgradeOnWorkers(options: { readonly compression?: boolean } = {}): UpgradeWebSocket | undefined {
  if (typeof WebSocketPair === "undefined") return undefined;
  return (_request, protocol) => {
    const { 0: client, 1: socket } = new WebSocketPair();
    socket.accept();
    const headers = {
      "sec-websocket-protocol": protocol,
      ...(options.compression === false ? { "sec-websocket-extensions": "x-uncompressed" } : {}),
    };
    return { response: new Response(null, { status: 101, webSocket: client, headers }), socket };
  };
}
