import type { ScheduledCallback } from "../../common/clock.ts";
import { milliseconds } from "../../common/duration.ts";
import type { HeartbeatTarget } from "./heartbeat-listener.ts";
import { HeartbeatManager } from "./heartbeat-manager.ts";

/**
 * The side that asks for heartbeats (Flink `HeartbeatManagerSenderImpl`): every interval one request to each target. Rounds
 * run only while something is monitored: the first one at once, the next an interval after the previous one (H11).
 */
export class HeartbeatManagerSender<Incoming, Outgoing> extends HeartbeatManager<Incoming, Outgoing> {
  #nextRound: ScheduledCallback | undefined;

  override monitorTarget(targetId: string, send: HeartbeatTarget<Outgoing>): void {
    super.monitorTarget(targetId, send);
    if (this.#nextRound === undefined && this.isMonitored(targetId)) this.#scheduleRound(0);
  }

  override unmonitorTarget(targetId: string): void {
    super.unmonitorTarget(targetId);
    if (this.targetIds.length === 0) this.#cancelRound();
  }

  override stop(): void {
    super.stop();
    this.#cancelRound();
  }

  #scheduleRound(delayMillis: number): void {
    this.#nextRound = this.services.executor.schedule(() => {
      this.#scheduleRound(this.services.options.intervalMillis);
      for (const targetId of this.targetIds) this.sendTo(targetId);
      return undefined;
    }, milliseconds(delayMillis));
  }

  #cancelRound(): void {
    this.#nextRound?.cancel();
    this.#nextRound = undefined;
  }
}
