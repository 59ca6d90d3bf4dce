import type { Clock, ScheduledCallback } from "../../common/clock.ts";
import { minutes, seconds } from "../../common/duration.ts";
import { fromUnknown } from "../../common/exceptions.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcConnectionException } from "../../rpc/exceptions.ts";
import { MAX_FRAME_BYTES, refusalIn, settleOutcomes } from "./call-batcher.ts";
import type { CallOutcome } from "./call-frame.ts";
import { closedException, CallQueue } from "./call-queue.ts";
import type { CallSender, PendingCall } from "./call-queue.ts";
import { FrameReader } from "./frame.ts";
import { HELD_PROTOCOL, MAX_OPEN_CALLS, PING } from "./held-protocol.ts";
import type { MessageSocket } from "./held-protocol.ts";

export interface HeldCallsOptions {
  /** Of the server's mount, with a scheme of HTTP. */
  readonly url: string;
  readonly clock: Clock;
  readonly openSocket: (url: string, protocol: string) => MessageSocket;
  readonly token: () => string | undefined | Promise<string | undefined>;
  /** How long the server may be silent while something is expected of it. */
  readonly patienceMillis: number;
}

/** A connection without calls ends; the next call opens another. */
const IDLE_MILLIS = seconds(20);
/** An older connection is replaced as soon as it has no calls, so that tokens are shown again. */
const RENEWAL_MILLIS = minutes(10);
/** How often a call is sent that may run twice. */
const MAX_ATTEMPTS = 3;

/** One connection, from its opening on. */
interface Connection {
  readonly socket: MessageSocket;
  readonly bornMillis: number;
  readonly open: Map<number, PendingCall>;
  /** The token was sent: calls may follow. */
  ready: boolean;
  calls: number;
  heard: boolean;
  pinged: boolean;
  usedMillis: number;
  watch: ScheduledCallback;
}

/**
 * Sends calls over a connection that is held: a lease, opened by the first call, closed after some quiet, replaced when it
 * broke. Calls of one turn leave as one message, at once. When a connection breaks, calls without an outcome that may
 * run twice are sent again over the next one, before all later ones; the others fail as retryable: whether they ran is
 * unknown.
 */
export class HeldCalls implements CallSender {
  readonly #options: HeldCallsOptions;
  readonly #url: string;
  readonly #waiting: CallQueue;
  #connection: Connection | undefined;
  #scheduled = false;
  #closed = false;

  constructor(options: HeldCallsOptions) {
    this.#options = options;
    this.#url = options.url.replace(/^http/, "ws");
    this.#waiting = new CallQueue(options.clock);
  }

  send(envelope: RequestEnvelope, repeatable: boolean): Promise<CallOutcome> {
    if (this.#closed) return Promise.reject(closedException());
    const outcome = this.#waiting.push(envelope, repeatable);
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
    return outcome;
  }

  close(): void {
    this.#closed = true;
    if (this.#connection !== undefined) this.#drop(this.#connection, closedException());
    this.#waiting.rejectAll(closedException());
  }

  #flush(): void {
    if (this.#waiting.isEmpty) return;
    const now = this.#options.clock.now();
    let connection = this.#connection;
    if (connection?.open.size === 0 && now - connection.bornMillis > RENEWAL_MILLIS) {
      this.#end(connection);
      connection = undefined;
    }
    if (connection === undefined) return this.#connect();
    if (!connection.ready) return;
    connection.usedMillis = now;
    while (!this.#waiting.isEmpty && connection.open.size < MAX_OPEN_CALLS) {
      const { calls, body } = this.#waiting.takeBatch(MAX_OPEN_CALLS - connection.open.size);
      for (const call of calls) {
        connection.open.set(connection.calls, call);
        connection.calls += 1;
      }
      connection.socket.send(body);
    }
  }

  #connect(): void {
    const { clock, openSocket, patienceMillis } = this.#options;
    let socket: MessageSocket;
    try {
      socket = openSocket(this.#url, HELD_PROTOCOL);
    } catch (error) {
      return this.#waiting.rejectAll(fromUnknown(error));
    }
    const now = clock.now();
    const connection: Connection = {
      socket,
      bornMillis: now,
      open: new Map(),
      ready: false,
      calls: 0,
      heard: false,
      pinged: false,
      usedMillis: now,
      watch: clock.schedule(patienceMillis, () => this.#watch(connection)),
    };
    this.#connection = connection;
    socket.binaryType = "arraybuffer";
    const broken = (): void => this.#drop(connection, this.#brokenException("broke"));
    socket.addEventListener("open", () => void this.#authorize(connection));
    socket.addEventListener("message", ({ data }) => this.#received(connection, data));
    socket.addEventListener("close", broken);
    socket.addEventListener("error", broken);
  }

  async #authorize(connection: Connection): Promise<void> {
    try {
      const token = await this.#options.token();
      if (connection !== this.#connection) return;
      connection.socket.send(token === undefined ? "" : `Bearer ${token}`);
      connection.ready = true;
      this.#flush();
    } catch (error) {
      this.#refuse(connection, fromUnknown(error));
    }
  }

  #received(connection: Connection, data: unknown): void {
    if (connection !== this.#connection) return;
    connection.heard = true;
    connection.pinged = false;
    if (data === PING) return;
    if (typeof data === "string") {
      return this.#refuse(connection, refusalIn(data) ?? this.#brokenException(`said "${data.slice(0, 200)}"`));
    }
    try {
      if (!(data instanceof ArrayBuffer)) throw this.#brokenException("sent what is no message");
      settleOutcomes(new FrameReader(MAX_FRAME_BYTES).push(new Uint8Array(data)), connection.open);
    } catch (error) {
      return this.#drop(connection, fromUnknown(error));
    }
    this.#flush();
  }

  /** Runs now and then while there is a connection. */
  #watch(connection: Connection): void {
    const { clock, patienceMillis } = this.#options;
    if (connection !== this.#connection) return;
    const { ready, open, heard, pinged, socket, usedMillis } = connection;
    if (!ready) return this.#drop(connection, this.#brokenException(`was not there within ${patienceMillis} ms`));
    if (open.size === 0 && clock.now() - usedMillis >= IDLE_MILLIS) return this.#end(connection);
    if (open.size > 0 && !heard) {
      if (pinged) return this.#drop(connection, this.#brokenException(`was silent for ${2 * patienceMillis} ms`));
      connection.pinged = true;
      socket.send(PING);
    }
    connection.heard = false;
    connection.watch = clock.schedule(patienceMillis, () => this.#watch(connection));
  }

  /** The server wants none of this caller's calls: sending them again cannot help. */
  #refuse(connection: Connection, error: SluiceException): void {
    if (connection !== this.#connection) return;
    this.#end(connection);
    for (const call of connection.open.values()) call.reject(error);
    this.#waiting.rejectAll(error);
  }

  #drop(connection: Connection, error: SluiceException): void {
    if (connection !== this.#connection) return;
    this.#end(connection);
    const again: PendingCall[] = [];
    for (const call of connection.open.values()) {
      if (call.repeatable && call.attempts < MAX_ATTEMPTS && !this.#closed) again.push(call);
      else call.reject(error);
    }
    // One that never came about says nothing about the calls of a later turn, but about all of these.
    if (!connection.ready) return this.#waiting.rejectAll(error);
    this.#waiting.putBack(again);
    this.#flush();
  }

  #end(connection: Connection): void {
    this.#connection = undefined;
    connection.watch.cancel();
    connection.socket.close();
  }

  #brokenException(what: string): SluiceException {
    return new RpcConnectionException(`connection to ${this.#url} ${what}`, { retryable: true });
  }
}
