import type { Disruption } from "./faults.ts";
import type { SimulatedPlatform } from "./simulated-platform.ts";

const DEPLOY_MILLIS = [100, 10_000] as const;
const PARTITION_MILLIS = [200, 70_000] as const;
const SLOW_MILLIS = [1_000, 30_000] as const;

/** Strikes objects at random moments, as the platform's rates say, until the platform is calm. */
export class ChaosSchedule {
  readonly #platform: SimulatedPlatform;
  readonly #loseTaskHost: () => boolean;

  /** @param loseTaskHost ends one task host, if there is one. */
  constructor(platform: SimulatedPlatform, loseTaskHost: () => boolean = () => false) {
    this.#platform = platform;
    this.#loseTaskHost = loseTaskHost;
  }

  start(): void {
    const { faults, time } = this.#platform;
    const { disruptions, disruptionMillis } = faults.rates;
    if (disruptions.length === 0) return;
    const pause = Math.round(-Math.log(1 - faults.random.next()) * disruptionMillis);
    time.schedule(
      pause,
      () => {
        if (!faults.active) return;
        this.#strike(faults.random.pick(disruptions));
        this.start();
      },
      this,
    );
  }

  #strike(kind: Disruption): void {
    const { random } = this.#platform.faults;
    const living = this.#platform.objects.filter(({ current }) => current !== undefined);
    if (living.length === 0) return;
    const { address } = random.pick(living);
    switch (kind) {
      case "crash":
        return this.#platform.crash(address);
      case "eviction":
        return this.#platform.evict(address);
      case "deploy-reset":
        return this.#platform.deploy(random.chance(0.5) ? 0 : random.between(...DEPLOY_MILLIS));
      case "superseded":
        return this.#platform.supersede(address);
      case "partition":
        return this.#platform.isolate(address, random.between(...PARTITION_MILLIS));
      case "slow-peer":
        return this.#platform.slowDown(address, random.between(...SLOW_MILLIS));
      case "task-host-lost":
        return void this.#loseTaskHost();
    }
  }
}
