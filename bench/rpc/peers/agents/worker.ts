import { DurableObject } from "cloudflare:workers";
import { Agent, getAgentByName } from "agents";
import type { LoadPlan, LoadResult } from "../../load/load.ts";
import { runLoad } from "../../load/run-load.ts";
import { BenchState } from "../../target/bench-state.ts";
import type { Order, Quote } from "../../target/bench-target.ts";
import { stubTarget } from "../../target/stub-target.ts";
import { addToSum, createSumTable } from "../../target/sum-table.ts";
import type { Execute } from "../../target/sum-table.ts";
import { measureRoute } from "../../workerd/measure-route.ts";

interface Environment {
  readonly CALLER: DurableObjectNamespace<CallerObject>;
  readonly TARGET: DurableObjectNamespace<TargetAgent>;
}

export class TargetAgent extends Agent<Environment> {
  readonly #state = new BenchState();
  readonly #execute: Execute = (statement, ...bindings) => this.ctx.storage.sql.exec(statement, ...bindings).toArray();

  override onStart(): void {
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

export class CallerObject extends DurableObject<Environment> {
  async measure(_system: string, plan: LoadPlan): Promise<LoadResult> {
    return runLoad(stubTarget(await getAgentByName(this.env.TARGET, "target")), plan);
  }
}

export default {
  fetch: (request, env) => measureRoute(request, env.CALLER.getByName("caller")),
} satisfies ExportedHandler<Environment>;
