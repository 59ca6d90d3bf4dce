import { minutes } from "../../common/duration.ts";
import type { ReplyEnvelope } from "../../rpc/envelope/v1.ts";
import type { HostPorts } from "../../rpc/host-ports.ts";
import type { Alarm } from "../../rpc/ports/alarm.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import { RpcServer } from "../../rpc/rpc-server.ts";
import type { RpcServerOptions } from "../../rpc/rpc-server.ts";

/** When the object tries again after its activation failed in an alarm, whose own retries end after six. */
const FAILED_ALARM_RETRY = minutes(1);

export interface DurableObjectHostOptions extends Pick<RpcServerOptions, "address" | "gateways" | "factory"> {
  readonly ports: HostPorts & {
    readonly database: SqlDatabase;
    readonly alarm: Alarm & {
      /** The platform has taken the alarm away to deliver it. */
      rang(): void;
    };
  };
  /** Resets the object; the next call builds a new instance. */
  readonly abort: (reason: string) => void;
}

/**
 * The receiving half of an endpoint's Durable Object. Made in the object's constructor: activation is `startServer`, and
 * raises the incarnation. Messages that arrive before `onStart` is done wait.
 */
export class DurableObjectHost {
  readonly #options: DurableObjectHostOptions;
  readonly #server: RpcServer;

  constructor(options: DurableObjectHostOptions) {
    const { address, gateways, factory, ports, abort } = options;
    this.#options = options;
    this.#server = new RpcServer({
      address,
      gateways,
      factory,
      ports,
      // In an event of its own: the replies that tell callers leave before it.
      onBroken: (reason, error) => void ports.clock.schedule(0, () => abort(`${reason}: ${error.message}`)),
    });
    if (this.#server.state !== "terminated") this.#server.start();
  }

  /** One message; never rejects. */
  rpc(envelope: unknown): Promise<ReplyEnvelope> {
    return this.#server.receive(envelope);
  }

  /** The object's alarm: what is due runs within its event. Never rejects, so the platform never gives up on it. */
  async alarm(): Promise<void> {
    const { alarm, clock, log } = this.#options.ports;
    alarm.rang();
    try {
      await this.#server.onAlarm();
    } catch (error) {
      log.error(`alarm of ${this.#options.address}: the endpoint could not be started`, { error: String(error) });
      alarm.set(clock.now() + FAILED_ALARM_RETRY);
    }
  }
}
