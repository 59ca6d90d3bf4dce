import { ask, defineGateway, minutes, RpcEndpoint } from "../../../src/rpc/index.ts";
import type { HandlerOf, Later } from "../../../src/rpc/index.ts";
import type { LoadPlan, LoadResult } from "../load/load.ts";
import { runLoad } from "../load/run-load.ts";
import { DurableBenchGateway } from "./bench-endpoint.ts";

export const TARGET_ADDRESS = "v1/-/bench/bench/target";
/** The same, with its message log on. */
export const LOGGED_TARGET_ADDRESS = "v1/-/bench/bench/logged-target";
export const CALLER_ADDRESS = "v1/-/bench/bench-caller/caller";

/** Far above any load. */
const TIMEOUT = minutes(5);

export const BenchCallerGateway = defineGateway("BenchCaller", {
  version: 1,
  turns: "sync",
  methods: { measure: ask<(plan: LoadPlan) => LoadResult>({ readOnly: true, timeout: TIMEOUT }) },
});

/** Calls the target as endpoints do: what a turn calls is held until the turn has succeeded, and carries its identity. */
export class BenchCaller extends RpcEndpoint implements HandlerOf<typeof BenchCallerGateway> {
  measure(plan: LoadPlan): Later<LoadResult> {
    const target = this.gateway(DurableBenchGateway, TARGET_ADDRESS);
    return this.ask(runLoad(target, plan, (stretch) => this.callAsync(() => this.ask(stretch()), TIMEOUT)));
  }
}
