import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { MAX_PARALLELISM } from "../../runtime/jobgraph/job-configuration.ts";
import { defaultMaxParallelism, MAX_KEY_GROUPS } from "../state/key-group-assignment.ts";
import { invalidProgram } from "./invalid-program.ts";

/** @throws INVALID_PROGRAM if `value` is no parallelism. */
export function requireParallelism(value: unknown): number {
  return requireIntegerUpTo(MAX_PARALLELISM, "parallelism", value);
}

/** @throws INVALID_PROGRAM if `value` is no max parallelism. */
export function requireMaxParallelism(value: unknown): number {
  return requireIntegerUpTo(MAX_KEY_GROUPS, "maxParallelism", value);
}

/**
 * Number of key groups of an operator: the job's if it sets one, else Flink's rule.
 *
 * @throws INVALID_PROGRAM if subtasks would be left without a group.
 */
export function resolveMaxParallelism(name: string, parallelism: number, ofJob: number | undefined): number {
  if (ofJob === undefined) return defaultMaxParallelism(parallelism);
  if (parallelism <= ofJob) return ofJob;
  throw invalidProgram(`${name}: parallelism ${parallelism} is above the job's maxParallelism ${ofJob}`);
}

function requireIntegerUpTo(limit: number, option: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= limit) return value;
  throw invalidProgram(`${option}: expected an integer from 1 to ${limit}, got ${showValue(value)}`);
}
