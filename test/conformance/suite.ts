import { actorRows } from "./rows/actors.ts";
import { callRows } from "./rows/calls.ts";
import { fencingRows } from "./rows/fencing.ts";
import { hostingRows } from "./rows/hosting.ts";
import { lifecycleRows } from "./rows/lifecycle.ts";
import { queueRows } from "./rows/queue.ts";
import { streamRows } from "./rows/streams.ts";
import type { Row, World } from "./row.ts";

/** Every row, in the order of the contract's groups. */
export const ROWS: readonly Row[] = [
  ...lifecycleRows,
  ...hostingRows,
  ...queueRows,
  ...callRows,
  ...actorRows,
  ...streamRows,
  ...fencingRows,
];

/** Rows that an implementation does not pass, with the reason. One that begins to pass fails the run. */
export type KnownGaps = Readonly<Record<string, string>>;

/** Durable Objects are activated by the platform: there is no start and stop by hand. */
export const DURABLE_OBJECT_GAPS: KnownGaps = Object.fromEntries(
  ROWS.filter((row) => row.tag === "hosting").map((row) => [
    row.id,
    "activation is startServer: nothing is started or stopped by hand",
  ]),
);

export interface RowResult {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  readonly error?: string;
}

/** Runs rows without a test framework: what the driver route answers with. */
export async function runRows(rows: readonly Row[], createWorld: () => World): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) {
    try {
      await row.run(createWorld());
      results.push({ id: row.id, title: row.title, ok: true });
    } catch (error) {
      results.push({
        id: row.id,
        title: row.title,
        ok: false,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }
  return results;
}
