import type { MessageSocket } from "../../../src/transport/http/held-protocol.ts";

type Listener = (event: { readonly data: unknown }) => void;

/** One end of a connection in memory: what one end sends, the other receives in order, a microtask later. */
export class PairedSocket implements MessageSocket {
  binaryType = "blob";
  readonly received: unknown[] = [];
  closedWith: { readonly code: number | undefined; readonly reason: string | undefined } | undefined;
  other: PairedSocket | undefined;
  /** Neither end hears the other any more, and neither knows. */
  silent = false;
  readonly #listeners = new Map<string, Listener[]>();

  static pair(): readonly [PairedSocket, PairedSocket] {
    const [left, right] = [new PairedSocket(), new PairedSocket()];
    left.other = right;
    right.other = left;
    return [left, right];
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    const data = typeof message === "string" ? message : message.slice().buffer;
    queueMicrotask(() => {
      if (this.silent || this.other?.closedWith !== undefined) return;
      this.other?.received.push(data);
      this.other?.emit("message", data);
    });
  }

  close(code?: number, reason?: string): void {
    if (this.closedWith !== undefined) return;
    this.closedWith = { code, reason };
    queueMicrotask(() => this.other?.fail());
  }

  /** The connection breaks, as this end sees it. */
  fail(): void {
    if (this.closedWith !== undefined) return;
    this.closedWith = { code: undefined, reason: undefined };
    this.emit("close");
  }

  emit(type: "open" | "message" | "close" | "error", data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data });
  }
}
