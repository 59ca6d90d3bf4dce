import type { IdSource } from "../../common/ids.ts";
import type { Random } from "../../common/random.ts";
import { decide, decideNext } from "./scheduler-decisions.ts";
import type { SchedulerEffect, SchedulerEvent, SchedulerInput } from "./scheduler-messages.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** A job's scheduler (Flink `DefaultScheduler`): decides and applies, until nothing follows. */
export class DefaultScheduler {
  readonly state: SchedulerState;
  readonly #clock: { now(): number };
  readonly #ids: IdSource;
  readonly #random: Random;
  readonly #onEvent: (event: SchedulerEvent) => void;

  /** @param onEvent called after each event was applied: what has to be stored with it. */
  constructor(
    state: SchedulerState,
    sources: { readonly clock: { now(): number }; readonly ids: IdSource; readonly random: Random },
    onEvent: (event: SchedulerEvent) => void = () => undefined,
  ) {
    this.state = state;
    this.#clock = sources.clock;
    this.#ids = sources.ids;
    this.#random = sources.random;
    this.#onEvent = onEvent;
  }

  /**
   * @returns what is to be done now, in order.
   * @throws as `SchedulerState.apply`; the scheduler must not be used afterwards.
   */
  handle(input: SchedulerInput): readonly SchedulerEffect[] {
    const environment = { nowMillis: this.#clock.now(), ids: this.#ids, random: this.#random };
    const effects: SchedulerEffect[] = [];
    let decision = decide(this.state, input, environment);
    while (decision.events.length > 0 || decision.effects.length > 0) {
      for (const event of decision.events) {
        this.state.apply(event);
        this.#onEvent(event);
      }
      effects.push(...decision.effects);
      decision = decideNext(this.state, environment);
    }
    return effects;
  }
}
