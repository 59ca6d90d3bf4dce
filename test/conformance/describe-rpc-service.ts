import { describe, it } from "vitest";
import type { World } from "./row.ts";
import { ROWS } from "./suite.ts";
import type { KnownGaps } from "./suite.ts";

/** The conformance suite as tests of one implementation; each row gets a fresh world. */
export function describeRpcService(suite: {
  readonly name: string;
  readonly createWorld: () => World;
  readonly knownGaps?: KnownGaps;
}): void {
  describe(`RPC contract on ${suite.name}`, () => {
    for (const row of ROWS) {
      const gap = suite.knownGaps?.[row.id];
      // Such a row cannot even begin where nothing is started by hand; it is a gap by its tag, which nothing can make stale.
      if (row.tag === "hosting" && gap !== undefined) continue;
      const run = gap === undefined ? it : it.fails;
      run(`${row.id} ${row.title}${gap === undefined ? "" : ` (gap: ${gap})`}`, async () => {
        await row.run(suite.createWorld());
      });
    }
  });
}
