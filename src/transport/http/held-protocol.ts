/**
 * What travels over a held connection, a WebSocket. Its first message is text: the value of the header `authorization`,
 * empty for a caller without one. Messages of bytes are rows of frames, the calls of the client and the server's outcomes;
 * calls are numbered over the connection from 0. A text of the client is answered by the same. Any other text of the
 * server is a refusal as the body of a 4xx says it; the server closes behind it.
 */
export const HELD_PROTOCOL = "sluice.rpc.v1";

/** Asks whether the other side is there. */
export const PING = "ping";

/** Calls of one connection that may be without an outcome: whoever sends more is refused, so it is also the client's credit. */
export const MAX_OPEN_CALLS = 4_096;

/** A close code for an HTTP status, of the range that applications may use. */
export const CLOSE_CODE_BASE = 4_000;

/** A WebSocket, as far as both sides need one. */
export interface MessageSocket {
  /** Set to `arraybuffer`. */
  binaryType: string;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
}
