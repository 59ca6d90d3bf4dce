import { DurableObject } from "cloudflare:workers";
import { BenchState } from "../target/bench-state.ts";
import type { Order, Quote } from "../target/bench-target.ts";
import { addToSum, createSumTable } from "../target/sum-table.ts";
import type { Execute } from "../target/sum-table.ts";

/** The baseline: a Durable Object called by the platform's own RPC. */
export class RawObject<Env extends object = object> extends DurableObject<Env> {
  readonly #state = new BenchState();
  readonly #execute: Execute = (statement, ...bindings) => this.ctx.storage.sql.exec(statement, ...bindings).toArray();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    createSumTable(this.#execute);
  }

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

  async pause(millis: number): Promise<number> {
    await scheduler.wait(millis);
    return millis;
  }

  record(by: number): number {
    return addToSum(this.#execute, by);
  }
}
