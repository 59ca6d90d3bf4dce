import { ask, defineGateway, milliseconds, RpcEndpoint, tell } from "../../../src/rpc/index.ts";
import type { GatewayOf, HandlerOf, Later } from "../../../src/rpc/index.ts";
import { BenchState } from "./bench-state.ts";
import type { Order, Quote } from "./bench-target.ts";
import { addToSum, createSumTable } from "./sum-table.ts";
import type { Execute } from "./sum-table.ts";

/** Methods that write nothing durable are declared so, as an endpoint's author would. */
export const BenchGateway = defineGateway("Bench", {
  version: 1,
  turns: "sync",
  methods: {
    increment: ask<(by: number) => number>({ readOnly: true }),
    quote: ask<(order: Order) => Quote>({ readOnly: true }),
    note: tell<(by: number) => undefined>({ readOnly: true }),
    noted: ask<() => number>({ readOnly: true }),
    pause: ask<(millis: number) => number>({ readOnly: true }),
  },
});
export type BenchGateway = GatewayOf<typeof BenchGateway>;

export const DurableBenchGateway = defineGateway("DurableBench", {
  version: 1,
  turns: "sync",
  methods: { ...BenchGateway.methods, record: ask<(by: number) => number>() },
});
export type DurableBenchGateway = GatewayOf<typeof DurableBenchGateway>;

/** The same methods, as an author would declare them who knows that nothing can throw after the write. */
export const ResetBenchGateway = defineGateway("ResetBench", {
  version: 1,
  turns: "sync",
  methods: { ...BenchGateway.methods, record: ask<(by: number) => number>({ undo: "reset" }) },
});

/** The target as an endpoint that needs no storage. */
export class BenchEndpoint extends RpcEndpoint implements HandlerOf<typeof BenchGateway> {
  readonly #state = new BenchState();

  increment(by: number): number {
    return this.#state.increment(by);
  }

  quote(order: Order): Quote {
    return this.#state.quote(order);
  }

  note(by: number): undefined {
    return this.#state.note(by);
  }

  noted(): number {
    return this.#state.noted();
  }

  pause(millis: number): Later<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.scheduleRunAsync(() => void resolve(millis), milliseconds(millis));
    return this.ask(promise);
  }
}

/** The target as an endpoint with storage. */
export class DurableBenchEndpoint extends BenchEndpoint implements HandlerOf<typeof DurableBenchGateway> {
  readonly #execute: Execute = (statement, ...bindings) => this.storage.sql.exec(statement, ...bindings);

  protected override onStart(): void {
    createSumTable(this.#execute);
  }

  record(by: number): number {
    return addToSum(this.#execute, by);
  }
}
