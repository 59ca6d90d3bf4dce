import type { Clock } from "../../common/clock.ts";
import { seconds } from "../../common/duration.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import type { DeadLetters } from "../../rpc/dead-letters.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import { RpcServer } from "../../rpc/rpc-server.ts";
import type { NetworkReceiver, SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedRpcService } from "./simulated-rpc-service.ts";
import { SimulatedStorage } from "./simulated-storage.ts";
import type { DurableState } from "./simulated-storage.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How an endpoint of the simulation is built, once per activation. */
export interface SimulatedEndpoint {
  readonly gateways: readonly GatewayDescriptor[];
  readonly factory: (context: EndpointContext, activation: SimulatedActivation) => RpcEndpoint;
}

export interface SimulatedActivationOptions {
  readonly address: string;
  readonly endpoint: SimulatedEndpoint;
  readonly durable: DurableState;
  readonly time: VirtualTime;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly deadLetters: DeadLetters;
  readonly filters?: CallFilters | undefined;
  /** How long a write takes to become durable. */
  readonly confirmMillis: () => number;
  /** What was written is durable now. */
  readonly onConfirmed: (activation: SimulatedActivation) => void;
  /** The instance must not go on; it is ended in an event of its own. */
  readonly onDoomed: (activation: SimulatedActivation, reason: string) => void;
}

/** When an object tries again whose activation failed in an alarm. */
const FAILED_ALARM_RETRY = seconds(60);

/** One life of an object's memory: the real server and endpoint, on simulated storage, time and messages. */
export class SimulatedActivation implements NetworkReceiver {
  readonly address: string;
  readonly clock: Clock;
  readonly server: RpcServer;
  readonly storage: SimulatedStorage;
  readonly #options: SimulatedActivationOptions;
  readonly #onEnd: (() => void)[] = [];
  #alive = true;
  #alarms = 0;
  #superseded = false;

  /** Not started. @throws whatever the endpoint's constructor throws. */
  constructor(options: SimulatedActivationOptions) {
    const { address, endpoint, durable, time, network, random, ids, log, deadLetters, filters } = options;
    this.#options = options;
    this.address = address;
    this.clock = time.clockOf(this);
    this.storage = new SimulatedStorage({
      durable,
      onWritten: () => void time.schedule(options.confirmMillis(), () => this.storage.confirm(), this),
      onConfirmed: () => options.onConfirmed(this),
      onFenced: () => this.#doom("it was superseded and touched the storage"),
    });
    this.server = new RpcServer({
      address,
      gateways: endpoint.gateways,
      factory: (context) => endpoint.factory(context, this),
      ports: {
        rpcService: new SimulatedRpcService({ network, sender: this, clock: this.clock, ids, deadLetters, filters }),
        clock: this.clock,
        random,
        ids,
        log,
        database: this.storage.database,
        alarm: this.storage.alarm,
      },
      onBroken: (reason) => this.#doom(reason),
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  get superseded(): boolean {
    return this.#superseded;
  }

  /** Whether its alarm's handler runs, or what it wrote is not durable yet. */
  get inAlarm(): boolean {
    return this.#alarms > 0;
  }

  whenConfirmed(send: () => void): void {
    if (this.#alive) this.storage.whenConfirmed(send);
  }

  receive(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    return this.server.receive(envelope);
  }

  /** Something that lives no longer than this activation; ended with it. */
  onEnd(end: () => void): void {
    this.#onEnd.push(end);
  }

  /** Delivers the alarm. Resolves when what is due is done and durable, which it may never be; never rejects. */
  async alarm(): Promise<void> {
    this.storage.alarmTaken();
    this.#alarms += 1;
    try {
      await this.server.onAlarm();
    } catch {
      // The endpoint could not be started; as the object's shell does, it tries again later.
      if (this.#alive && !this.#superseded) this.storage.alarm.set(this.clock.now() + FAILED_ALARM_RETRY);
    }
    // The platform counts it as delivered when what it wrote is durable.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whenConfirmed(resolve);
    await promise;
    this.#alarms -= 1;
  }

  /** Another instance is current from now on; this one does not know. */
  supersede(): void {
    this.#superseded = true;
    this.storage.fence();
  }

  /** Its memory is gone, and whatever it had not made durable. */
  end(): void {
    this.#alive = false;
    this.#options.time.end(this);
    if (!this.#superseded) this.storage.abandon();
    this.server.kill();
    for (const end of this.#onEnd) end();
  }

  #doom(reason: string): void {
    this.#options.time.schedule(0, () => this.#options.onDoomed(this, reason), this);
  }
}
