import { silentLogger } from "../../common/log.ts";
import type { Logger } from "../../common/log.ts";
import type { CallFilters } from "../../rpc/call-filter.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { RpcRuntimeException } from "../../rpc/exceptions.ts";
import type { GatewayDescriptor } from "../../rpc/gateway-descriptor.ts";
import type { RpcServer } from "../../rpc/rpc-server.ts";
import { SeededRandom, seededIds } from "../seeded-random.ts";
import { FaultSource } from "./fault-source.ts";
import { NO_FAULTS } from "./faults.ts";
import type { FaultRates } from "./faults.ts";
import type { SimulatedEndpoint } from "./simulated-activation.ts";
import { shortName, SimulatedNetwork } from "./simulated-network.ts";
import type { NetworkObserver } from "./simulated-network.ts";
import { SimulatedObject } from "./simulated-object.ts";
import { SimulatedRpcService } from "./simulated-rpc-service.ts";
import { SimulationTrace } from "./simulation-trace.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface PlatformObserver extends NetworkObserver {
  /** What the object wrote is durable now. */
  onConfirmed?(object: SimulatedObject): void;
}

export interface SimulatedPlatformOptions {
  /** Decides everything that is not decided by the code under test. */
  readonly seed: number;
  /** The endpoints that exist as soon as they are called, by address. */
  readonly endpointOf?: (address: string) => SimulatedEndpoint | undefined;
  /** Default: none. */
  readonly rates?: FaultRates;
  /** One way of a message. Default 1 to 5 ms. */
  readonly latencyMillis?: readonly [least: number, most: number];
  /** Until a write is durable. Default 0 to 10 ms. */
  readonly confirmMillis?: readonly [least: number, most: number];
  readonly startMillis?: number;
  readonly log?: Logger;
  /** Run on every call of every object, and on those from outside. */
  readonly filters?: CallFilters;
  readonly observer?: PlatformObserver;
  /** Receives every line of the trace. */
  readonly print?: (line: string) => void;
}

const START_MILLIS = Date.UTC(2024, 0, 1);
const LATENCY_MILLIS = [1, 5] as const;
const CONFIRM_MILLIS = [0, 10] as const;

/**
 * A platform of Durable Objects in one process, in virtual time: objects exist when they are called, keep what they stored, have one
 * alarm each, and may lose their memory between any two turns. One seed, one run: what happens depends on nothing else.
 */
export class SimulatedPlatform {
  readonly time: VirtualTime;
  readonly faults: FaultSource;
  readonly trace: SimulationTrace;
  readonly network: SimulatedNetwork;
  /** For callers outside. */
  readonly service: SimulatedRpcService;
  /** What got lost between the objects; what the platform's faults take away is counted by {@link faults}. */
  readonly deadLetters: DeadLetters;
  readonly #options: SimulatedPlatformOptions;
  readonly #random: SeededRandom;
  readonly #objects = new Map<string, SimulatedObject>();
  #closing: Promise<void> | undefined;
  #version = 1;
  readonly #gateways = new Map<string, GatewayDescriptor>();

  constructor(options: SimulatedPlatformOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.time = new VirtualTime(options.startMillis ?? START_MILLIS);
    this.deadLetters = new DeadLetters(options.log ?? silentLogger);
    this.trace = new SimulationTrace(() => this.time.now(), options.print);
    this.faults = new FaultSource(options.rates ?? NO_FAULTS, this.#random.fork(), (kind, detail) =>
      this.trace.record(`! ${kind} ${shortName(detail)}`),
    );
    this.network = new SimulatedNetwork({
      time: this.time,
      faults: this.faults,
      timing: { latencyMillis: options.latencyMillis ?? LATENCY_MILLIS },
      observer: options.observer ?? {},
      record: (line) => this.trace.record(line),
      mayRepeat: (envelope) => this.#mayRepeat(envelope),
      resolve: (address) => this.object(address)?.activate(),
    });
    const client = { address: "client", whenConfirmed: (send: () => void) => send() };
    this.service = new SimulatedRpcService({
      network: this.network,
      sender: client,
      clock: this.time.clockOf(client),
      ids: seededIds(this.#random.fork()),
      deadLetters: this.deadLetters,
      filters: options.filters,
    });
  }

  /** Objects that were ever called. */
  get objects(): readonly SimulatedObject[] {
    return [...this.#objects.values()];
  }

  /** The object of that name; `undefined` if there can be none. */
  object(address: string): SimulatedObject | undefined {
    const present = this.#objects.get(address);
    if (present !== undefined) return present;
    const endpoint = this.#options.endpointOf?.(address);
    return endpoint === undefined ? undefined : this.#add(address, endpoint);
  }

  /**
   * Builds an endpoint at `address` without starting it (contract L1).
   *
   * @throws RpcRuntimeException if an endpoint lives there (contract V5).
   */
  createServer(address: string, endpoint: SimulatedEndpoint): RpcServer {
    const present = this.#objects.get(address);
    if (present?.current !== undefined && present.current.server.state !== "terminated") {
      throw new RpcRuntimeException(`${address}: an endpoint of this name lives already`);
    }
    present?.close();
    return this.#add(address, endpoint).create().server;
  }

  /** Terminates every endpoint, for ever; new gateways are refused at once. */
  closeAsync(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.service.close();
    const servers = this.objects.flatMap((object) => object.current?.server ?? []);
    const outcomes = await Promise.allSettled(servers.map((server) => server.closeAsync()));
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  /** The current instance of an object loses its memory, and what it had not made durable. */
  crash(address: string): void {
    const object = this.#objects.get(address);
    const activation = object?.current;
    if (object === undefined || activation === undefined) return;
    this.faults.happened("crash", address);
    if (activation.storage.dirty) this.faults.happened("turn-lost", address);
    object.end(activation, "crashed");
  }

  /** The object leaves memory with everything durable, as one that was idle. */
  evict(address: string): void {
    const object = this.#objects.get(address);
    const activation = object?.current;
    if (object === undefined || activation === undefined) return;
    activation.storage.confirm();
    this.faults.happened("eviction", address);
    object.end(activation, "evicted");
  }

  /** The version that is deployed: what an instance runs that begins now. */
  get version(): number {
    return this.#version;
  }

  /** A new version is deployed: every instance ends, each at some time within `withinMillis`. */
  deploy(withinMillis = 0): void {
    this.faults.happened("deploy-reset", "all objects");
    this.#version += 1;
    for (const object of this.objects) {
      for (const activation of object.instances) {
        const end = (): void => object.end(activation, "a new version was deployed");
        if (withinMillis === 0) end();
        else this.time.schedule(this.faults.random.between(0, withinMillis), end, activation);
      }
    }
  }

  /** Another instance becomes current while this one goes on believing that it is. */
  supersede(address: string): void {
    const object = this.#objects.get(address);
    if (object?.current === undefined) return;
    this.faults.happened("superseded", address);
    object.supersede();
  }

  isolate(address: string, millis: number): void {
    this.faults.happened("partition", address);
    this.network.isolate(address, millis);
  }

  slowDown(address: string, millis: number): void {
    this.faults.happened("slow-peer", address);
    this.network.slowDown(address, millis);
  }

  /** From now on nothing goes wrong; what has gone wrong takes its course. */
  calm(): void {
    this.faults.active = false;
    this.network.heal();
  }

  /** Moves time until `promise` has settled. @throws Error after `limitMillis`. */
  async resolve<T>(promise: Promise<T>, limitMillis = 600_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    const end = this.time.now() + limitMillis;
    await this.time.advance(0);
    while (!settled && (await this.time.step(end)));
    if (!settled) throw new Error(`not settled after ${limitMillis} ms of virtual time`);
    return promise;
  }

  /** Ends everything at once. */
  close(): void {
    for (const object of this.objects) object.close();
  }

  #add(address: string, endpoint: SimulatedEndpoint): SimulatedObject {
    const { log = silentLogger, observer, filters, confirmMillis = CONFIRM_MILLIS } = this.#options;
    for (const gateway of endpoint.gateways) this.#gateways.set(gateway.name, gateway);
    const object = new SimulatedObject(address, {
      endpoint,
      time: this.time,
      network: this.network,
      faults: this.faults,
      random: this.#random.fork(),
      ids: seededIds(this.#random.fork()),
      log,
      deadLetters: this.deadLetters,
      filters,
      confirmMillis,
      record: (line) => this.trace.record(line),
      onConfirmed: (confirmed) => observer?.onConfirmed?.(confirmed),
    });
    this.#objects.set(address, object);
    return object;
  }

  /** What a session may send again after a broken link, and what no receiver can tell from a repeat: one-way notices. */
  #mayRepeat(envelope: RequestEnvelope): boolean {
    if (envelope.kind !== "ask") return true;
    const methods = this.#gateways.get(envelope.gateway)?.methods ?? {};
    return Object.hasOwn(methods, envelope.method) && methods[envelope.method]?.options.idempotent === true;
  }
}
