import type { Clock } from "../../common/clock.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { MainThreadExecutor } from "../main-thread-executor.ts";
import type { HeartbeatListener, HeartbeatTarget } from "./heartbeat-listener.ts";
import { HeartbeatMonitor, isUndelivered } from "./heartbeat-monitor.ts";
import type { HeartbeatMonitorParts } from "./heartbeat-monitor.ts";
import { RPC_FAILURES_IGNORED } from "./heartbeat-options.ts";
import type { HeartbeatOptions } from "./heartbeat-options.ts";
import { HeartbeatTimeouts } from "./heartbeat-timeouts.ts";

export interface HeartbeatManagerServices<Incoming, Outgoing> {
  /** The endpoint's: all timers and outcomes run through it, so a heartbeat queued before a due timeout wins (H20). */
  readonly executor: MainThreadExecutor;
  readonly clock: Clock;
  readonly options: HeartbeatOptions;
  readonly listener: HeartbeatListener<Incoming, Outgoing>;
}

/**
 * The receiving side of heartbeats (Flink `HeartbeatManagerImpl`): answers requests, notices silence. Holds one in-memory
 * timer, however much it monitors, and none while it monitors nothing. All methods are called on the endpoint's main thread.
 */
export class HeartbeatManager<Incoming, Outgoing> {
  protected readonly services: HeartbeatManagerServices<Incoming, Outgoing>;
  readonly #monitors = new Map<string, HeartbeatMonitor<Outgoing>>();
  readonly #parts: HeartbeatMonitorParts;
  #stopped = false;

  /** @throws SluiceException INVALID_ARGUMENT for a timeout or threshold out of range (H1). */
  constructor(services: HeartbeatManagerServices<Incoming, Outgoing>) {
    const { timeoutMillis, failedRpcThreshold } = services.options;
    requirePositive("timeoutMillis", timeoutMillis);
    if (failedRpcThreshold !== RPC_FAILURES_IGNORED) requirePositive("failedRpcThreshold", failedRpcThreshold);
    this.services = services;
    const { listener } = services;
    this.#parts = {
      timeouts: new HeartbeatTimeouts(services, timeoutMillis),
      failedRpcThreshold,
      onLost: (targetId, reason) =>
        reason === "timeout" ? listener.notifyHeartbeatTimeout(targetId) : listener.notifyTargetUnreachable(targetId),
    };
  }

  /**
   * Watches `targetId` from now on, its timeout armed at once (H2). A target that is monitored already is replaced,
   * its state forgotten (over H3, H18).
   */
  monitorTarget(targetId: string, send: HeartbeatTarget<Outgoing>): void {
    if (this.#stopped) return;
    this.#monitors.get(targetId)?.cancel();
    this.#monitors.set(targetId, new HeartbeatMonitor(this.#parts, targetId, send));
  }

  /** Idempotent; nothing about the target is notified afterwards (H6). */
  unmonitorTarget(targetId: string): void {
    this.#monitors.get(targetId)?.cancel();
    this.#monitors.delete(targetId);
  }

  /** A heartbeat without an answer expected: the peer's response, or any other sign of life with a payload (H4, H7). */
  receiveHeartbeat(origin: string, payload: Incoming): void {
    if (this.#stopped) return;
    this.#reportHeartbeat(origin);
    if (payload !== undefined) this.services.listener.reportPayload(origin, payload);
  }

  /**
   * A heartbeat to be answered (H9).
   *
   * @returns false, with nothing reported and nothing answered, if `origin` is not monitored: the endpoint may tell
   *   it so (H8).
   */
  requestHeartbeat(origin: string, payload: Incoming): boolean {
    if (this.#stopped || !this.#monitors.has(origin)) return false;
    this.receiveHeartbeat(origin, payload);
    this.sendTo(origin);
    return true;
  }

  isMonitored(targetId: string): boolean {
    return this.#monitors.has(targetId);
  }

  /** Time of the last signal: 0 before the first, -1 if the target is not monitored (H2). */
  getLastHeartbeatFrom(targetId: string): number {
    return this.#monitors.get(targetId)?.lastHeartbeatMillis ?? -1;
  }

  /** Forgets all targets; every later call does nothing (H19). */
  stop(): void {
    this.#stopped = true;
    this.#parts.timeouts.stopAll();
    this.#monitors.clear();
  }

  protected get targetIds(): readonly string[] {
    return [...this.#monitors.keys()];
  }

  protected sendTo(targetId: string): void {
    const monitor = this.#monitors.get(targetId);
    if (monitor === undefined) return;
    monitor.send(this.services.listener.retrievePayload(targetId), targetId)?.then(
      () => this.#onMainThread(() => monitor.reportRpcSuccess()),
      (error: unknown) => {
        if (isUndelivered(error)) this.#onMainThread(() => monitor.reportRpcFailure());
      },
    );
  }

  #reportHeartbeat(origin: string): void {
    this.#monitors.get(origin)?.reportHeartbeat(this.services.clock.now());
  }

  #onMainThread(body: () => void): void {
    this.services.executor.execute(() => {
      body();
      return undefined;
    });
  }
}

function requirePositive(field: string, value: number): void {
  if (value > 0) return;
  throw new SluiceException("INVALID_ARGUMENT", `heartbeat ${field}: expected a number above 0, got ${value}`);
}
