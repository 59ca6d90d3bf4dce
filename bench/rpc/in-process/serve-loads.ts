import type { LoadPlan, LoadResult } from "../load/load.ts";
import { runLoad } from "../load/run-load.ts";
import type { BenchTarget } from "../target/bench-target.ts";

/** What a measuring process answers with. */
export type MeasureReply = { readonly result: LoadResult } | { readonly failure: string };

/** Turns this process into one that runs a load on `target` for each message from its parent. */
export function serveLoads(target: BenchTarget): void {
  const measure = async (plan: LoadPlan): Promise<MeasureReply> => {
    try {
      return { result: await runLoad(target, plan) };
    } catch (error) {
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on("message", (plan: LoadPlan) => {
    void measure(plan).then((reply) => process.send?.(reply));
  });
  // What a target keeps open must not outlive the parent.
  process.once("disconnect", () => process.exit());
  process.send?.("ready");
}
