import type { Clock } from "../../common/clock.ts";
import { minutes, seconds } from "../../common/duration.ts";
import { decodeCalls, encodeOutcomes } from "./call-frame.ts";
import type { CallOutcome, NumberedOutcome } from "./call-frame.ts";
import { FrameReader } from "./frame.ts";
import { CLOSE_CODE_BASE, MAX_OPEN_CALLS, PING } from "./held-protocol.ts";
import type { MessageSocket } from "./held-protocol.ts";
import { HttpRefusal } from "./http-refusal.ts";
import type { BorderCalls } from "./rpc-border.ts";

/** How often a connection is looked at; one that has not said who calls by then is closed. */
const WATCH_MILLIS = seconds(10);
/** Clients close connections earlier; whoever does not, keeps nothing in memory by it. */
const IDLE_MILLIS = minutes(1);
/** Clients open a new one earlier, and show their token again. */
const MAX_AGE_MILLIS = minutes(60);
/** What a close frame has room for. */
const MAX_REASON_CHARACTERS = 40;

export interface HeldConnectionOptions {
  /** @throws (rejects) HttpRefusal for a caller that is not let in. */
  readonly authenticate: (authorization: string) => Promise<BorderCalls>;
  readonly limits: { readonly bodyBytes: number; readonly calls: number };
  readonly clock: Clock;
}

/** The server's side of one held connection. */
export class HeldConnection {
  readonly #socket: MessageSocket;
  readonly #options: HeldConnectionOptions;
  readonly #bornMillis: number;
  #heardMillis: number;
  // Settled by the first message.
  #calls: BorderCalls | undefined;
  #entering: Promise<void> | undefined;
  #enteringBytes = 0;
  #count = 0;
  #open = 0;
  readonly #outcomes: NumberedOutcome[] = [];
  #closed = false;

  constructor(socket: MessageSocket, options: HeldConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#bornMillis = options.clock.now();
    this.#heardMillis = this.#bornMillis;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", () => (this.#closed = true));
    socket.addEventListener("error", () => (this.#closed = true));
    this.#watch();
  }

  #received(data: unknown): void {
    if (this.#closed) return;
    this.#heardMillis = this.#options.clock.now();
    try {
      if (typeof data === "string") return this.#receivedText(data);
      if (!(data instanceof ArrayBuffer)) throw new HttpRefusal(400, "message: expected text or bytes");
      const bytes = new Uint8Array(data);
      const { bodyBytes } = this.#options.limits;
      const waitingBytes = this.#calls === undefined ? (this.#enteringBytes += bytes.byteLength) : bytes.byteLength;
      if (waitingBytes > bodyBytes) throw new HttpRefusal(413, `message: the limit is ${bodyBytes} bytes`);
      if (this.#calls !== undefined) return this.#admit(this.#calls, bytes);
      if (this.#entering === undefined) throw new HttpRefusal(401, "authorization: expected as the first message");
      // Behind the answer, in order.
      void this.#entering.then(() => this.#received(data));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #receivedText(text: string): void {
    if (this.#entering !== undefined) {
      if (text !== PING) throw new HttpRefusal(400, `message: expected "${PING}" or bytes`);
      this.#socket.send(PING);
      return;
    }
    this.#entering = this.#options.authenticate(text).then(
      (calls) => void (this.#calls = calls),
      (error: unknown) => this.#refuse(error),
    );
  }

  /** @throws HttpRefusal, UnknownMessageException for a message that is malformed as a whole: nothing of it runs. */
  #admit(calls: BorderCalls, bytes: Uint8Array): void {
    const { limits } = this.#options;
    const reader = new FrameReader(limits.bodyBytes);
    const incoming = reader.push(bytes).flatMap(decodeCalls);
    if (!reader.complete) throw new HttpRefusal(400, "malformed message: it ends within a frame");
    const most = Math.min(limits.calls, MAX_OPEN_CALLS);
    if (this.#open + incoming.length > most) throw new HttpRefusal(413, `connection: the limit is ${most} open calls`);
    for (const envelope of incoming) {
      const call = this.#count;
      this.#count += 1;
      this.#open += 1;
      void calls.send(envelope).then((outcome) => this.#settle(call, outcome));
    }
  }

  #settle(call: number, outcome: CallOutcome): void {
    this.#open -= 1;
    if (this.#closed) return;
    this.#outcomes.push([call, outcome]);
    if (this.#outcomes.length > 1) return;
    // Behind what else settles in this turn.
    queueMicrotask(() => this.#send(encodeOutcomes(this.#outcomes.splice(0))));
  }

  #watch(): void {
    const { clock } = this.#options;
    clock.schedule(WATCH_MILLIS, () => {
      if (this.#closed) return;
      const now = clock.now();
      if (this.#calls === undefined) return this.#refuse(new HttpRefusal(401, "authorization: none came"));
      const idle = this.#open === 0 && now - this.#heardMillis >= IDLE_MILLIS;
      if (idle || now - this.#bornMillis >= MAX_AGE_MILLIS) return this.#close();
      this.#watch();
    });
  }

  #refuse(error: unknown): void {
    const refusal = HttpRefusal.from(error);
    this.#send(JSON.stringify(refusal.body()));
    this.#close(CLOSE_CODE_BASE + refusal.status, refusal.message.slice(0, MAX_REASON_CHARACTERS));
  }

  #send(message: string | Uint8Array<ArrayBuffer>): void {
    if (!this.#closed) this.#socket.send(message);
  }

  #close(code = 1_000, reason = "idle or old"): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close(code, reason);
  }
}
