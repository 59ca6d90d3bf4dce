import { SluiceException } from "../../common/exceptions.ts";
import type { ExceptionCode } from "../../common/exceptions.ts";
import type { HeartbeatTarget } from "./heartbeat-listener.ts";
import { RPC_FAILURES_IGNORED } from "./heartbeat-options.ts";
import type { Awaited, HeartbeatTimeouts } from "./heartbeat-timeouts.ts";

/** Failures of a delivery that say something about the peer; a handler that threw proves it alive. */
const UNDELIVERED: readonly ExceptionCode[] = [
  "RECIPIENT_UNREACHABLE",
  "RPC_CONNECTION",
  "ENDPOINT_NOT_STARTED",
  "TIMEOUT",
];

/** Whether the peer, not the request, failed: any link of the cause chain counts (over H13). */
export function isUndelivered(error: unknown): boolean {
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    const current = link;
    if (UNDELIVERED.some((code) => SluiceException.is(current, code))) return true;
  }
  return false;
}

/** What the monitors of one manager have in common. */
export interface HeartbeatMonitorParts {
  readonly timeouts: HeartbeatTimeouts;
  readonly failedRpcThreshold: number;
  /** Called at most once of a monitor, on the main thread. */
  readonly onLost: (targetId: string, reason: "timeout" | "unreachable") => void;
}

/**
 * Watches one target. Ends once, as timed out, unreachable or cancelled (H17).
 *
 * ```
 * RUNNING -> TIMEOUT | UNREACHABLE | CANCELED
 * ```
 */
export class HeartbeatMonitor<Outgoing> implements Awaited {
  readonly send: HeartbeatTarget<Outgoing>;
  deadlineMillis = 0;
  readonly #targetId: string;
  readonly #parts: HeartbeatMonitorParts;
  #failedRpcs = 0;
  #lastHeartbeatMillis = 0;

  /** Starts the timeout at once (H2). */
  constructor(parts: HeartbeatMonitorParts, targetId: string, send: HeartbeatTarget<Outgoing>) {
    this.#parts = parts;
    this.#targetId = targetId;
    this.send = send;
    parts.timeouts.start(this);
  }

  /** 0 until the first signal. */
  get lastHeartbeatMillis(): number {
    return this.#lastHeartbeatMillis;
  }

  /** A signal of the target: stamps the time, and starts the timeout anew unless the monitor has ended (H4, H17). */
  reportHeartbeat(nowMillis: number): void {
    this.#lastHeartbeatMillis = nowMillis;
    const { timeouts } = this.#parts;
    if (timeouts.isWaiting(this)) timeouts.start(this);
  }

  /** A heartbeat was delivered; the timeout goes on (H15). */
  reportRpcSuccess(): void {
    this.#failedRpcs = 0;
  }

  /** A heartbeat could not be delivered (H14). */
  reportRpcFailure(): void {
    const { timeouts, failedRpcThreshold, onLost } = this.#parts;
    if (!timeouts.isWaiting(this) || failedRpcThreshold === RPC_FAILURES_IGNORED) return;
    this.#failedRpcs += 1;
    if (this.#failedRpcs < failedRpcThreshold) return;
    timeouts.stop(this);
    onLost(this.#targetId, "unreachable");
  }

  /** Idempotent; nothing is notified afterwards (H6). */
  cancel(): void {
    this.#parts.timeouts.stop(this);
  }

  onTimeout(): void {
    this.#parts.onLost(this.#targetId, "timeout");
  }
}
