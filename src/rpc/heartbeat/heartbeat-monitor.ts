import { SluiceException } from "../../common/exceptions.ts";
import type { ExceptionCode } from "../../common/exceptions.ts";
import { milliseconds } from "../../common/duration.ts";
import type { ScheduledCallback } from "../../common/clock.ts";
import type { MainThreadExecutor } from "../main-thread-executor.ts";
import { RPC_FAILURES_IGNORED } from "./heartbeat-options.ts";
import type { HeartbeatOptions } from "./heartbeat-options.ts";

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

/**
 * Watches one target. Ends once, as timed out, unreachable or cancelled (H17).
 *
 * ```
 * RUNNING -> TIMEOUT | UNREACHABLE | CANCELED
 * ```
 */
export class HeartbeatMonitor {
  readonly #executor: MainThreadExecutor;
  readonly #options: Pick<HeartbeatOptions, "timeoutMillis" | "failedRpcThreshold">;
  readonly #onLost: (reason: "timeout" | "unreachable") => void;
  #timer: ScheduledCallback | undefined;
  #failedRpcs = 0;
  #lastHeartbeatMillis = 0;

  /** Arms the timeout at once (H2). `onLost` is called at most once, on the main thread. */
  constructor(
    executor: MainThreadExecutor,
    options: Pick<HeartbeatOptions, "timeoutMillis" | "failedRpcThreshold">,
    onLost: (reason: "timeout" | "unreachable") => void,
  ) {
    this.#executor = executor;
    this.#options = options;
    this.#onLost = onLost;
    this.#arm();
  }

  /** 0 until the first signal. */
  get lastHeartbeatMillis(): number {
    return this.#lastHeartbeatMillis;
  }

  /** A signal of the target: stamps the time, and starts the timeout anew unless the monitor has ended (H4, H17). */
  reportHeartbeat(nowMillis: number): void {
    this.#lastHeartbeatMillis = nowMillis;
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#arm();
  }

  /** A heartbeat was delivered; the timeout goes on (H15). */
  reportRpcSuccess(): void {
    this.#failedRpcs = 0;
  }

  /** A heartbeat could not be delivered (H14). */
  reportRpcFailure(): void {
    if (this.#timer === undefined || this.#options.failedRpcThreshold === RPC_FAILURES_IGNORED) return;
    this.#failedRpcs += 1;
    if (this.#failedRpcs >= this.#options.failedRpcThreshold) this.#end("unreachable");
  }

  /** Idempotent; nothing is notified afterwards (H6). */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#executor.schedule(() => {
      this.#end("timeout");
      return undefined;
    }, milliseconds(this.#options.timeoutMillis));
  }

  #end(reason: "timeout" | "unreachable"): void {
    this.cancel();
    this.#onLost(reason);
  }
}
