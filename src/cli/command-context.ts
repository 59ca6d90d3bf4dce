import type { Clock } from "../common/clock.ts";
import type { IdSource } from "../common/ids.ts";
import type { Terminal } from "./terminal.ts";

/** What every command gets from the one place that owns the process. */
export interface CommandContext {
  /** For results. */
  readonly out: Terminal;
  /** For progress and faults. */
  readonly err: Terminal;
  /** Aborted by Ctrl-C, SIGTERM and a reader of the output that left; its reason is what the command ends with. */
  readonly signal: AbortSignal;
  /** Root of the repository: where `wrangler.toml` and the examples lie. */
  readonly root: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly environment: Readonly<Record<string, string | undefined>>;
}
