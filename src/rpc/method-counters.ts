import type { DeadLetterReason } from "./dead-letters.ts";
import { ask, defineGateway } from "./gateway-descriptor.ts";
import type { GatewayOf } from "./gateway-descriptor.ts";

/** Sum and maximum of a measure. */
export interface Measure {
  readonly sum: number;
  readonly max: number;
}

/** What one method of an endpoint did since its activation. Sizes are approximate, as the message limit counts them. */
export interface MethodCounters {
  readonly gateway: string;
  readonly method: string;
  /** Calls whose turn began. */
  readonly calls: number;
  /** Of these, those whose handler failed. */
  readonly failures: number;
  /** Calls whose turn never began, by reason. */
  readonly rejected: Readonly<Partial<Record<DeadLetterReason, number>>>;
  /** From arrival to the beginning of the turn. */
  readonly waitedMillis: Measure;
  /**
   * From there until the handler has settled, its waiting included. On Workers the clock stands still while code runs:
   * what this shows there is waiting.
   */
  readonly ranMillis: Measure;
  readonly bytesIn: Measure;
  readonly bytesOut: Measure;
}

/** Every endpoint serves it, beside its own gateways. */
export const DiagnosticsGateway = defineGateway("sluice.Diagnostics", {
  version: 1,
  turns: "sync",
  methods: {
    /** Methods that were called, in order of their first call. */
    requestMethodCounters: ask<() => readonly MethodCounters[]>({ readOnly: true, control: true }),
  },
});
export type DiagnosticsGateway = GatewayOf<typeof DiagnosticsGateway>;

class Gauge {
  #sum = 0;
  #max = 0;

  add(amount: number): void {
    this.#sum += amount;
    if (amount > this.#max) this.#max = amount;
  }

  read(): Measure {
    return { sum: this.#sum, max: this.#max };
  }
}

/** Counts for one method, as calls go by. */
export class MethodMeter {
  calls = 0;
  failures = 0;
  readonly rejected: Partial<Record<DeadLetterReason, number>> = {};
  readonly waitedMillis = new Gauge();
  readonly ranMillis = new Gauge();
  readonly bytesIn = new Gauge();
  readonly bytesOut = new Gauge();

  reject(reason: DeadLetterReason): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + 1;
  }
}

/** The meters of one activation, made as methods are first called. */
export class MethodMeters {
  readonly #meters = new Map<string, Map<string, MethodMeter>>();

  of(gateway: string, method: string): MethodMeter {
    let ofGateway = this.#meters.get(gateway);
    if (ofGateway === undefined) this.#meters.set(gateway, (ofGateway = new Map<string, MethodMeter>()));
    let meter = ofGateway.get(method);
    if (meter === undefined) ofGateway.set(method, (meter = new MethodMeter()));
    return meter;
  }

  /** As plain data. */
  report(): readonly MethodCounters[] {
    return [...this.#meters].flatMap(([gateway, methods]) =>
      [...methods].map(([method, meter]) => ({
        gateway,
        method,
        calls: meter.calls,
        failures: meter.failures,
        rejected: { ...meter.rejected },
        waitedMillis: meter.waitedMillis.read(),
        ranMillis: meter.ranMillis.read(),
        bytesIn: meter.bytesIn.read(),
        bytesOut: meter.bytesOut.read(),
      })),
    );
  }
}
