import type { Clock, ScheduledCallback } from "../common/clock.ts";
import type { Duration } from "../common/duration.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { IdSource } from "../common/ids.ts";
import type { Logger } from "../common/log.ts";
import type { Random } from "../common/random.ts";
import { ROOT_CONTEXT } from "./call-context.ts";
import { Cancellation } from "./cancellation.ts";
import type { CallFilters, IncomingCallFilter } from "./call-filter.ts";
import type { ActivationReason, EndpointContext } from "./endpoint-context.ts";
import type { Epoch, Incarnation, SenderIdentity } from "./fencing/epoch.ts";
import type { PeerTracker } from "./fencing/peer-tracker.ts";
import { GatewayFactory } from "./gateway-factory.ts";
import type { GatewayDescriptor, GatewayOf } from "./gateway-descriptor.ts";
import { ItemStream } from "./item-stream.ts";
import type { Later } from "./later.ts";
import { MainThread, passThrough } from "./main-thread.ts";
import type { MainThreadOptions } from "./main-thread.ts";
import { MainThreadExecutor } from "./main-thread-executor.ts";
import type { MailboxBounds } from "./mailbox.ts";
import type { Journal } from "./message-log/journal.ts";
import { messageLogOf } from "./message-log/message-log.ts";
import type { MessageLog } from "./message-log/message-log.ts";
import type { MessageLogOptions, StoredMessageLog } from "./message-log/message-ring.ts";
import type { EndpointStorage } from "./ports/storage.ts";
import { SqlEndpointStorage } from "./storage/sql-endpoint-storage.ts";
import type { DurableTimers, TimerFiring } from "./timers/durable-timers.ts";
import { SqlDurableTimers } from "./timers/sql-durable-timers.ts";
import type { SqlDurableTimersOptions } from "./timers/sql-durable-timers.ts";

export interface RpcEndpointOptions {
  /**
   * What becomes of memory after a turn threw; its durable writes and held calls are undone in any case. `keep`
   * (default): memory stays as the throw left it, so decide first and mutate last. `reload`: the endpoint is built
   * anew from its storage, as after a crash.
   */
  readonly onThrow?: "keep" | "reload";
  /** A turn that takes longer is reported by name. Default 200 ms. */
  readonly slowTurnMillis?: number;
  /** Default 4,096 messages and 16 MiB. */
  readonly mailbox?: MailboxBounds;
  /** Run on every call to and of this endpoint, after those of its service. */
  readonly filters?: CallFilters;
  /**
   * Keeps the last turns in the endpoint's storage, for replay (`sluice/testing`). Default: none. Needs `sync` gateways
   * without streams. Turns that write something durable are kept by the same write, others within a second.
   */
  readonly messageLog?: MessageLogOptions;
}

const DEFAULT_SLOW_TURN_MILLIS = 200;

/** What a handler may know about the call that it serves. */
export interface CurrentCall {
  /** The calling endpoint, if it is one. */
  readonly sender: SenderIdentity | undefined;
  /**
   * Aborted when the caller cancelled, or when its deadline passed. Asks made on behalf of the call are cancelled with
   * it; it never is where no caller waits.
   */
  readonly signal: AbortSignal;
  /** How long the caller goes on waiting, as of the beginning of the turn; `undefined` where nobody waits. */
  readonly remainingMillis: number | undefined;
  readonly trace: string | null;
}

/**
 * Base of everything that is called over RPC (Flink `RpcEndpoint`). Its handlers, timers, continuations and callbacks
 * are turns: they run one at a time in order of arrival, each as one transaction, and none of them waits; what a turn
 * sends leaves when it has succeeded.
 *
 * Constructed by its host, once per activation, with nothing but the context; subclasses read their state in
 * {@link onStart}. All protected members belong to the endpoint's own turns unless they say otherwise.
 */
export abstract class RpcEndpoint {
  /** Name of the endpoint's object. */
  readonly address: string;
  /** Shows one time for a whole turn. */
  protected readonly clock: Clock;
  protected readonly random: Random;
  protected readonly ids: IdSource;
  protected readonly log: Logger;

  readonly #context: EndpointContext;
  readonly #mainThread: MainThread;
  readonly #gateways: GatewayFactory;
  readonly #storage: EndpointStorage | undefined;
  readonly #timers: SqlDurableTimers | undefined;
  readonly #timersOfTurns: DurableTimers | undefined;
  readonly #messageLog: MessageLog | undefined;
  readonly #journal: Journal | undefined;
  readonly #filters: readonly IncomingCallFilter[];
  #host: EndpointHost | undefined;
  #requests = 0;

  constructor(context: EndpointContext, options: RpcEndpointOptions = {}) {
    const { address, clock, random, ids, log, rpcService, database, alarm, identity, peers } = context;
    const messageLog =
      options.messageLog === undefined || context.journal !== undefined
        ? undefined
        : messageLogOf(context, options.messageLog, this.snapshotState && (() => this.snapshotState?.()));
    const journal = context.journal ?? messageLog;
    this.address = address;
    this.random = journal?.random(random) ?? random;
    this.ids = journal?.ids(ids) ?? ids;
    this.log = log;
    this.#messageLog = messageLog;
    this.#journal = journal;
    this.#context = context;
    this.#filters = [...(rpcService.filters?.incoming ?? []), ...(options.filters?.incoming ?? [])];
    const threadOptions: MainThreadOptions = {
      clock,
      log,
      database,
      bounds: options.mailbox,
      slowTurnMillis: options.slowTurnMillis ?? DEFAULT_SLOW_TURN_MILLIS,
      onUndone: () => identity.reload(),
      onThrown: () => {
        if (options.onThrow === "reload") this.#host?.reload();
      },
    };
    const mainThread = journal?.mainThread(threadOptions) ?? new MainThread(threadOptions);
    this.#mainThread = mainThread;
    this.clock = { now: () => mainThread.now(), schedule: (delay, callback) => clock.schedule(delay, callback) };
    let known: SenderIdentity = { address, epoch: identity.epoch, incarnation: identity.incarnation };
    const self = (): SenderIdentity => {
      const { epoch, incarnation } = identity;
      if (known.epoch !== epoch || known.incarnation !== incarnation) known = { address, epoch, incarnation };
      return known;
    };
    this.#gateways = new GatewayFactory({
      clock,
      defaultTimeout: rpcService.defaultTimeout,
      deadLetters: rpcService.deadLetters,
      filters: [...(rpcService.filters?.outgoing ?? []), ...(options.filters?.outgoing ?? [])],
      peers,
      forgetful: true,
      get sender() {
        return self();
      },
      // Not the turn's: a call that a long turn makes at its end waits as long as any.
      now: () => clock.now(),
      context: () => mainThread.turn?.work.context ?? ROOT_CONTEXT,
      requestIdPrefix: `${address}@${identity.incarnation}:`,
      nextRequestNumber: () => (this.#requests += 1),
      openChannel: (to) => rpcService.openChannel(to),
      hold: (action) => mainThread.hold(action),
    });
    if (database !== undefined && alarm !== undefined) {
      const stored = journal?.storage(database) ?? database;
      const onTimer: SqlDurableTimersOptions["onTimer"] = (name, payload, firing) => {
        journal?.begin({ kind: "timer", name, payload, firing });
        return this.onTimer(name, payload, firing);
      };
      const timers = new SqlDurableTimers({ database: stored, alarm, clock, log, ids, mainThread, onTimer });
      this.#timers = timers;
      this.#timersOfTurns = journal?.timers(timers) ?? timers;
      this.#storage = new SqlEndpointStorage(stored, {
        requireTurn: (what) => mainThread.requireTurn(what),
        timersChanged: () => timers.cleared(),
      });
    }
  }

  /** Leadership; 1 for ever on an endpoint that is not fenced. */
  get epoch(): Epoch {
    return this.#context.identity.epoch;
  }

  /** This activation. */
  get incarnation(): Incarnation {
    return this.#context.identity.incarnation;
  }

  /** Durable timers. @throws SluiceException `ILLEGAL_STATE` on an endpoint without storage. */
  protected get timers(): DurableTimers {
    return this.#timersOfTurns ?? this.#withoutStorage("timers");
  }

  /** @throws SluiceException `ILLEGAL_STATE` on an endpoint without storage. */
  protected get storage(): EndpointStorage {
    return this.#storage ?? this.#withoutStorage("storage");
  }

  /** The endpoint that sent the message of this turn; `undefined` for other turns and callers that are no endpoint. */
  protected get sender(): SenderIdentity | undefined {
    return this.#mainThread.requireTurn("sender").work.sender;
  }

  /** The call that this turn, or the stretch of an `async` handler, belongs to; also for what continues it. */
  protected get call(): CurrentCall {
    const { work, nowMillis } = this.#mainThread.requireTurn("call");
    const { context, sender } = work;
    const { deadlineMillis, trace, cancellation = new Cancellation() } = context;
    return {
      sender,
      trace,
      remainingMillis: deadlineMillis === undefined ? undefined : Math.max(0, deadlineMillis - nowMillis),
      get signal() {
        return cancellation.signal;
      },
    };
  }

  /**
   * First turn of every activation; messages wait until it is done, its `Later` included. If it throws, the endpoint
   * does not serve: callers get an EndpointNotStartedException, and the host may try again (contract L4, L6, L24).
   */
  protected onStart(_reason: ActivationReason): void | Later<void> {}

  /**
   * Last turns before termination, which is explicit: never on eviction, crash or deploy. Timers are cancelled before
   * it; messages are served while its `Later` is pending (contract L12 to L18).
   */
  protected onStop(): void | Later<void> {}

  /**
   * The durable timer `name` is due. It is over with this turn's transaction or, if this returns a `Later`, when that has
   * settled; an activation that ends before runs it again. If either fails, the timer is due again after a back-off.
   * {@link DurableTimers} says what happens once and what at least once. An alarm's event lasts until the `Later` has
   * settled; other timers fire meanwhile.
   */
  protected onTimer(_name: string, _payload: unknown, _firing: TimerFiring): undefined | Later<undefined> {
    return undefined;
  }

  /**
   * What the endpoint remembers beyond its storage, as a value of the wire's closed list. An endpoint that has both this
   * and {@link restoreState} has a message log that replay can enter in the midst of an activation, so that a long one does
   * not outgrow it: asked for in a turn of its own, now and then, while no continuation or task is under way.
   */
  protected snapshotState?(): unknown;

  /** In place of {@link onStart} where replay enters: makes memory what it was, out of that value and the storage. */
  protected restoreState?(state: unknown): void;

  /** Handler of {@link MessageLogGateway}. @throws SluiceException `ILLEGAL_STATE` on an endpoint without message log. */
  requestMessageLog(): StoredMessageLog {
    if (this.#messageLog !== undefined) return this.#messageLog.read();
    throw new SluiceException("ILLEGAL_STATE", `${this.address} keeps no message log: option messageLog is not set`);
  }

  /**
   * A gateway bound to this endpoint: its calls carry the endpoint's identity, deadline and depth, leave when the turn
   * that makes them has succeeded, and are dropped if it throws. No round trip is waited for. The same object for the
   * same arguments. An ask whose promise nobody observes is fine.
   */
  protected gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, address, epoch);
  }

  /** {@link gateway} after a handshake; wait for it by {@link ask}. */
  protected connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): Promise<GatewayOf<D>> {
    const connected = this.#gateways.connect(descriptor, address, epoch);
    connected.catch(() => undefined);
    return connected;
  }

  /**
   * A gateway to this endpoint itself: calls are queued at the tail, never run inline, and carry the endpoint's own
   * epoch (contract M4, F10, G1).
   */
  protected getSelfGateway<D extends GatewayDescriptor>(descriptor: D): GatewayOf<D> {
    return this.#gateways.gateway(descriptor, this.address, descriptor.fenced ? this.epoch : undefined);
  }

  /**
   * Waits without `await`: when `promise` settles, the continuation runs as a new turn at the tail, with the caller's
   * deadline and chain, and its result (a `Later` is flattened) settles the returned `Later`. Without a continuation for
   * it, a result or an error passes through. A continuation never runs in a later activation, nor if this turn throws.
   */
  protected ask<R>(promise: Promise<R>): Later<R>;
  protected ask<R, T>(
    promise: Promise<R>,
    onResult: (result: R) => T | Later<T>,
    onError?: (error: SluiceException) => T | Later<T>,
  ): Later<T>;
  protected ask(
    promise: Promise<unknown>,
    onResult: (result: unknown) => unknown = passThrough,
    onError?: (error: SluiceException) => unknown,
  ): Later<unknown> {
    return this.#mainThread.ask(promise, onResult, onError);
  }

  /** Runs `body` as a turn at the tail; callable from anywhere. A throw is logged (contract S1, S2, M4). */
  protected runAsync(body: () => undefined): void {
    this.#mainThread.runAsync(body);
  }

  /** Runs `body` as a turn at the tail; a timeout does not interrupt it (contract S4 to S6). Callable from anywhere. */
  protected callAsync<T>(body: () => T | Later<T>, timeout: Duration): Promise<T> {
    return this.#mainThread.callAsync(body, timeout);
  }

  /** Runs `body` as a turn, not before `delay`; lost with the activation, cancelled by termination (contract S8, S12). */
  protected scheduleRunAsync(body: () => undefined, delay: Duration): ScheduledCallback {
    return this.#mainThread.schedule(body, delay);
  }

  /**
   * Runs `body` as a turn each time `interval` has passed since the last run settled, its `Later` included; the first time
   * after one interval. A throw is logged and does not end the series. Lost with the activation, cancelled by
   * termination; what must go on over activations is a durable timer (`timers.every`).
   */
  protected every(interval: Duration, body: () => undefined | Later<undefined>): ScheduledCallback {
    return this.#mainThread.every(body, interval);
  }

  /**
   * Items for a consumer of a stream method, fed by this and later turns.
   *
   * @param onClose when nobody takes them any more; outside of turns.
   */
  protected itemStream<T>(onClose?: () => void): ItemStream<T> {
    return new ItemStream<T>((action) => this.#mainThread.hold(action), onClose);
  }

  /** For code that is about to touch state. @throws SluiceException `ILLEGAL_STATE` outside of a turn (contract T2). */
  protected validateRunsInMainThread(): void {
    this.#mainThread.requireTurn("code that must run in a turn was called");
  }

  protected getMainThreadExecutor(): MainThreadExecutor {
    return new MainThreadExecutor(this.#mainThread);
  }

  /**
   * Terminates this endpoint for ever, once this turn has succeeded (contract L11, L12). Idempotent. `exclusive` handlers
   * that run have 30 s to settle; then their signals are aborted, their callers hear `RECIPIENT_UNREACHABLE`, and it goes on.
   */
  protected terminate(): void {
    this.#mainThread.hold({ send: () => void this.#host?.terminate(), drop: () => undefined });
  }

  /** Started and not terminating; in turns only (contract L28). */
  isRunning(): boolean {
    this.#mainThread.requireTurn("isRunning");
    return this.#host?.isRunning() ?? false;
  }

  /** @internal for FencedRpcEndpoint: raises the epoch within this turn. */
  protected raiseEpoch(): void {
    this.#mainThread.requireTurn("grantEpoch");
    if (this.#host?.isServing() ?? false) {
      throw new SluiceException(
        "ILLEGAL_STATE",
        "grantEpoch after the first message could be served: peers know the epoch already",
      );
    }
    this.#context.identity.raiseEpoch();
  }

  /** @internal what the RpcServer drives. */
  static internals(endpoint: RpcEndpoint): EndpointInternals {
    return {
      mainThread: endpoint.#mainThread,
      timers: endpoint.#timers,
      peers: endpoint.#context.peers,
      filters: endpoint.#filters,
      journal: endpoint.#journal,
      start: (reason) => {
        const { epoch, incarnation } = endpoint;
        endpoint.#journal?.begin({ kind: "start", recovered: reason === "recovered", epoch, incarnation });
        return endpoint.onStart(reason);
      },
      fire: (...fired) => endpoint.onTimer(...fired),
      restore: (state) => endpoint.restoreState?.(state),
      stop: () => {
        endpoint.#journal?.begin({ kind: "stop" });
        return endpoint.onStop();
      },
      attach: (host) => (endpoint.#host = host),
    };
  }

  #withoutStorage(what: string): never {
    throw new SluiceException("ILLEGAL_STATE", `${what} of ${this.address}: the endpoint was given no storage`);
  }
}

/** @internal the endpoint as its server sees it. */
export interface EndpointInternals {
  readonly mainThread: MainThread;
  readonly timers: SqlDurableTimers | undefined;
  readonly peers: PeerTracker;
  readonly filters: readonly IncomingCallFilter[];
  readonly journal: Journal | undefined;
  start(reason: ActivationReason): unknown;
  fire(name: string, payload: unknown, firing: TimerFiring): unknown;
  restore(state: unknown): void;
  stop(): unknown;
  attach(host: EndpointHost): void;
}

/** @internal the server as its endpoint sees it. */
export interface EndpointHost {
  isRunning(): boolean;
  /** Whether messages may have been served in this activation. */
  isServing(): boolean;
  terminate(): void;
  reload(): void;
}
