import type { Clock, ScheduledCallback } from "../common/clock.ts";
import { fromUnknown } from "../common/exceptions.ts";
import type { SluiceException } from "../common/exceptions.ts";
import { Cancellation } from "./cancellation.ts";
import type { CallContext } from "./call-context.ts";
import { applyFilters } from "./call-filter.ts";
import type { CallObserver, IncomingCallFilter } from "./call-filter.ts";
import { TimeoutException } from "./exceptions.ts";
import type { SenderIdentity } from "./fencing/epoch.ts";
import type { TurnMode } from "./gateway-descriptor.ts";
import type { Answerer } from "./fencing/answerer.ts";
import type { IncomingMessage } from "./incoming-message.ts";
import { Later } from "./later.ts";
import type { MainThread, Work } from "./main-thread.ts";
import type { Journal } from "./message-log/journal.ts";
import type { OpenStreams, StreamRequest } from "./open-streams.ts";
import { invocationText } from "./message-capture.ts";
import type { ServedMethod } from "./served-method.ts";
import type { Outcome } from "./turn.ts";

/** What the turns of one endpoint's messages need of it. */
export interface MessageTurnHost {
  readonly address: string;
  readonly clock: Clock;
  readonly identity: Answerer;
  readonly streams: OpenStreams;
  /** @returns why the message's token is refused, if it is. */
  checkToken(message: IncomingMessage): SluiceException | undefined;
  /** Its turn never began. */
  refused(message: IncomingMessage, error: SluiceException): void;
  /** A tell failed, of which nobody else is told. */
  failedUnheard(label: string, error: SluiceException): void;
}

/** The endpoint that serves a message, in its present activation. */
export interface MessageHandlers {
  readonly handlers: object;
  readonly mainThread: MainThread;
  readonly filters: readonly IncomingCallFilter[];
  readonly journal: Journal | undefined;
}

/** A message as its arguments were found good. */
export interface AdmittedMessage {
  readonly message: IncomingMessage;
  readonly served: ServedMethod;
  readonly args: readonly unknown[];
  readonly bytes: number;
  /** Of a method that streams: which part of its conversation this is. */
  readonly stream: StreamRequest | undefined;
}

/** The turn of one message: runs its handler and answers it, once. */
export class MessageTurn implements Work {
  readonly origin = "message";
  readonly bytes: number;
  readonly sender: SenderIdentity | undefined;
  readonly #host: MessageTurnHost;
  readonly #to: MessageHandlers;
  readonly #message: IncomingMessage;
  readonly #served: ServedMethod;
  readonly #args: readonly unknown[];
  readonly #stream: StreamRequest | undefined;
  readonly #deadlineMillis: number | undefined;
  #context: CallContext | undefined;
  #observe: CallObserver | undefined;
  #timer: ScheduledCallback | undefined;
  #startedMillis: number | undefined;
  #answered = false;
  #settled = false;
  // What a sync turn returned is checked and copied within the turn; a late result when it comes.
  #captured = false;

  constructor(host: MessageTurnHost, to: MessageHandlers, admitted: AdmittedMessage) {
    const { message, served, args, bytes, stream } = admitted;
    this.#host = host;
    this.#to = to;
    this.#message = message;
    this.#served = served;
    this.#args = args;
    this.#stream = stream;
    this.bytes = bytes;
    this.sender = message.head.sender ?? undefined;
    this.#deadlineMillis =
      message.remainingMillis === null ? undefined : message.receivedMillis + message.remainingMillis;
  }

  get control(): boolean {
    return this.#served.control;
  }

  get label(): string {
    return this.#served.label;
  }

  get turns(): TurnMode {
    return this.#served.turns;
  }

  get readOnly(): boolean {
    return this.#served.readOnly;
  }

  get undo(): "savepoint" | "reset" {
    return this.#served.undo;
  }

  /** Made when asked for: most handlers call nobody. */
  get context(): CallContext {
    if (this.#context !== undefined) return this.#context;
    const { depth, chain, id, trace, head } = this.#message;
    this.#context = {
      deadlineMillis: this.#deadlineMillis,
      depth,
      chain: [...chain, id],
      trace,
      cancellation: head.kind === "ask" ? new Cancellation() : undefined,
    };
    return this.#context;
  }

  /** Posted and not settled: the caller is told when its deadline passes. */
  watchDeadline(): void {
    if (this.#deadlineMillis === undefined || this.#settled) return;
    const { clock } = this.#host;
    this.#timer = clock.schedule(this.#deadlineMillis - clock.now(), () => {
      const error = this.#expired();
      this.context.cancellation?.cancel(error);
      this.#answerError(error);
    });
  }

  admit(nowMillis: number): SluiceException | undefined {
    if (this.#deadlineMillis !== undefined && nowMillis >= this.#deadlineMillis) return this.#expired();
    const refusal = this.#served.descriptor.fenced ? this.#host.checkToken(this.#message) : undefined;
    if (refusal !== undefined || this.#to.filters.length === 0) return refusal;
    return this.#filter(nowMillis);
  }

  run(): unknown {
    const { meter } = this.#served;
    const nowMillis = this.#to.mainThread.now();
    const isTell = this.#message.head.kind === "tell";
    this.#startedMillis = nowMillis;
    meter.calls += 1;
    meter.waitedMillis.add(nowMillis - this.#message.receivedMillis);
    if (isTell) this.#answer();
    const result = this.#stream === undefined ? this.#handle() : this.#serve(this.#stream);
    if (isTell || isPending(result)) return result;
    this.#capture(result);
    return undefined;
  }

  settle(outcome: Outcome, endMillis?: number): void {
    this.#settled = true;
    this.#timer?.cancel();
    const isTell = this.#message.head.kind === "tell";
    const result = this.#captured || isTell ? outcome : this.#captureLate(outcome);
    this.#observe?.(result);
    const { meter, label } = this.#served;
    if (this.#startedMillis !== undefined) {
      meter.ranMillis.add((endMillis ?? this.#host.clock.now()) - this.#startedMillis);
      if (!result.ok) meter.failures += 1;
    }
    if (result.ok) return this.#answer();
    if (this.#startedMillis === undefined) this.#host.refused(this.#message, result.error);
    else if (isTell) this.#host.failedUnheard(label, result.error);
    this.#answerError(result.error);
  }

  #handle(): unknown {
    this.#to.journal?.message({
      method: this.label,
      args: this.#args,
      sender: this.sender,
      deadlineMillis: this.#deadlineMillis,
      trace: this.#message.trace ?? undefined,
    });
    return this.#served.call(this.#to.handlers, this.#args);
  }

  #serve(stream: StreamRequest): Later<unknown> {
    const { mainThread } = this.#to;
    return new Later(
      this.#host.streams.serve(stream, this.label, {
        open: () => this.#handle(),
        deadlineMillis: this.#deadlineMillis,
        stretches: () => mainThread.stretches(),
      }),
    );
  }

  #filter(nowMillis: number): SluiceException | undefined {
    const { head, depth, trace } = this.#message;
    const { gateway, method } = head;
    const call = {
      kind: this.#served.declaration.kind,
      gateway,
      method,
      address: this.#host.address,
      depth,
      trace,
      sender: this.sender,
      args: this.#args,
      waitedMillis: nowMillis - this.#message.receivedMillis,
    };
    try {
      this.#observe = applyFilters(this.#to.filters, call, fromUnknown);
      return undefined;
    } catch (error) {
      return fromUnknown(error);
    }
  }

  #capture(result: unknown): void {
    this.#captured = true;
    this.#served.meter.bytesOut.add(this.#message.capture(result, this.label));
  }

  #captureLate(outcome: Outcome): Outcome {
    if (!outcome.ok) return outcome;
    try {
      this.#capture(outcome.value);
      return outcome;
    } catch (error) {
      return { ok: false, error: fromUnknown(error) };
    }
  }

  #answer(): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#message.answer(this.#host.identity);
  }

  #answerError(error: SluiceException): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#message.answerError(this.#host.identity, error);
  }

  #expired(): TimeoutException {
    const { chain } = this.#message;
    const phase = this.#startedMillis === undefined ? "waiting in the mailbox" : "while its handler ran";
    const waiting = chain.length === 0 ? "" : `; waiting on behalf of ${chain.join(" > ")}`;
    return new TimeoutException(`${messageText(this.#message)} to ${this.#host.address} expired ${phase}${waiting}`);
  }
}

/** `ask(Counter.increment(number))`: types, never values (contract G10). */
export function messageText({ head, args }: IncomingMessage): string {
  return head.kind === "handshake"
    ? `handshake(${head.gateway} version ${head.gatewayVersion})`
    : invocationText(head.gateway, head.method, { kind: head.kind, args });
}

function isPending(result: unknown): boolean {
  return result instanceof Later || (typeof result === "object" && result !== null && "then" in result);
}
