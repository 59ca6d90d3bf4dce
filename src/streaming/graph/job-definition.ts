import type {
  CheckpointConfiguration,
  RestartStrategyConfiguration,
} from "../../runtime/jobgraph/job-configuration.ts";
import { invalidProgram } from "./invalid-program.ts";
import type { Transformation } from "./transformation.ts";

// Global, so that a definition made by another copy of the runtime is told apart from a foreign object.
const BRAND = Symbol.for("sluice.job-definition");

/** What `defineJob` makes and a job module exports as default: settings with their defaults, and the program. */
export interface JobDefinition {
  readonly [BRAND]: true;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism?: number;
  readonly checkpointing?: CheckpointConfiguration;
  /** Absent: the run request's, else the default (contract: runtime-semantics FO-14). */
  readonly restartStrategy?: RestartStrategyConfiguration;
  readonly userConfiguration: Readonly<Record<string, string>>;
  /**
   * Runs the user's build function on a fresh environment. Pure as far as the user's function is.
   *
   * @throws INVALID_PROGRAM if it throws or returns a promise.
   */
  build(): readonly Transformation[];
}

export function brandJobDefinition(definition: Omit<JobDefinition, typeof BRAND>): JobDefinition {
  return { ...definition, [BRAND]: true };
}

/**
 * The default export of a job module.
 *
 * @throws INVALID_PROGRAM if it was not made by `defineJob`.
 */
export function requireJobDefinition(value: unknown): JobDefinition {
  if (isJobDefinition(value)) return value;
  throw invalidProgram(
    value === undefined
      ? "The module has no default export. Write: export default defineJob({ name }, (env) => { ... })"
      : "The module's default export is no job. Write: export default defineJob({ name }, (env) => { ... })",
  );
}

function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === "object" && value !== null && BRAND in value;
}
