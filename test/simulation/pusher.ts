import type { JobID } from "../../src/common/ids.ts";
import { DispatcherGateway } from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import { clusterName, dispatcherAddress } from "../../src/runtime/object-name.ts";
import type { SeededRandom } from "../../src/testing/seeded-random.ts";
import type { SimulatedPlatform } from "../../src/testing/simulation/simulated-platform.ts";
import { INLET, lineOf } from "./quiescent-jobs.ts";

const BATCHES = 8;
const RETRY_MILLIS = [200, 3_000] as const;
/** Some come while the job is awake, some wake it. */
const PAUSE_MILLIS = [0, 25_000] as const;

/** One producer: sends its batches in order, each again and again until it is acknowledged. */
export class SimulatedPusher {
  readonly #jobId: JobID;
  readonly #platform: SimulatedPlatform;
  readonly #random: SeededRandom;
  readonly #id: string;
  #sequence = 0;
  #records = 0;

  constructor(
    world: { readonly platform: SimulatedPlatform; readonly random: SeededRandom },
    jobId: JobID,
    producer: number,
  ) {
    this.#platform = world.platform;
    this.#random = world.random;
    this.#jobId = jobId;
    this.#id = `producer-${producer}`;
    this.#records = producer * 1_000;
  }

  get done(): boolean {
    return this.#sequence === BATCHES;
  }

  /** Lines of all that was acknowledged. */
  readonly sent: string[] = [];

  start(): void {
    this.#later(PAUSE_MILLIS, () => this.#next());
  }

  #next(): void {
    if (this.done) return;
    const values = Array.from({ length: this.#random.between(1, 3) }, () => (this.#records += 1));
    this.#send(values.map(lineOf));
  }

  #send(lines: readonly string[]): void {
    const gateway = this.#platform.service.gateway(DispatcherGateway, dispatcherAddress(clusterName()));
    const bytes = new TextEncoder().encode(lines.join("\n"));
    const producer = { id: this.#id, sequence: this.#sequence + 1 };
    gateway.pushRecords(this.#jobId, INLET, { bytes, records: lines.length, producer }).then(
      () => {
        this.#sequence += 1;
        this.sent.push(...lines);
        this.#later(PAUSE_MILLIS, () => this.#next());
      },
      () => this.#later(RETRY_MILLIS, () => this.#send(lines)),
    );
  }

  #later([least, most]: readonly [number, number], run: () => void): void {
    this.#platform.time.schedule(this.#random.between(least, most), run, this);
  }
}
