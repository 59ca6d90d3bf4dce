import type { Duration } from "../../common/duration.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import {
  CHECKPOINT_DEFAULTS,
  DEFAULT_PARALLELISM,
  EXTERNALIZED_CHECKPOINT_RETENTIONS,
} from "../../runtime/jobgraph/job-configuration.ts";
import type {
  CheckpointConfiguration,
  ExternalizedCheckpointRetention,
} from "../../runtime/jobgraph/job-configuration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { invalidProgram } from "../graph/invalid-program.ts";
import { brandJobDefinition } from "../graph/job-definition.ts";
import type { JobDefinition } from "../graph/job-definition.ts";
import { requireMaxParallelism, requireParallelism } from "../graph/parallelism.ts";
import { optionFault, requireCount, requireDuration, requireObject } from "./job-options.ts";
import { resolveRestart } from "./restart-options.ts";
import type { RestartOptions } from "./restart-options.ts";
import { StreamProgram } from "./stream-program.ts";
import { StreamExecutionEnvironment } from "./stream-execution-environment.ts";

const MAX_NAME_LENGTH = 255;
/** Flink refuses shorter ones, see contract row CP-01. */
const MIN_CHECKPOINT_MILLIS = 10;

export interface JobOptions {
  readonly name: string;
  /** Subtasks of each operator that sets none itself; default 4. A run request may override it. */
  readonly parallelism?: number;
  /** Number of key groups; fixed for the life of the job's state. Default: from the parallelism, at least 128. */
  readonly maxParallelism?: number;
  /** Without it the job takes no periodic checkpoints and starts over after a failure. */
  readonly checkpointing?: CheckpointingOptions;
  /** Default: what the run request configures, else 3 attempts, a second after each failure. */
  readonly restart?: RestartOptions;
  /** Shown in the dashboard. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface CheckpointingOptions {
  readonly interval: Duration;
  /** Default 10 minutes. */
  readonly timeout?: Duration;
  /** Between the end of one and the start of the next; default none. */
  readonly minPause?: Duration;
  /** How many may fail in a row before the job fails; default none. */
  readonly tolerableFailures?: number;
  /** How many may be under way at a time; default 1. Savepoints do not count. */
  readonly maxConcurrent?: number;
  /** How many are kept; default 1, the latest. */
  readonly retained?: number;
  /** Whether the latest ones outlive the job, for another to start from; default NO_EXTERNALIZED_CHECKPOINTS. */
  readonly externalizedRetention?: ExternalizedCheckpointRetention;
}

/**
 * A job: what a job module exports as its default.
 *
 * `build` describes the program and must do so in the same way each time: it runs at submission, where its graph is
 * extracted, and again on every worker, which compares. It runs no data.
 *
 * @throws INVALID_PROGRAM naming the option and its value.
 */
export function defineJob(options: JobOptions, build: (env: StreamExecutionEnvironment) => void): JobDefinition {
  requireObject("options", options);
  if (typeof build !== "function") throw optionFault("build", "a function of the environment", build);
  const { maxParallelism } = options;
  const checkpointing = resolveCheckpointing(options.checkpointing);
  return brandJobDefinition({
    name: requireName(options.name),
    parallelism: options.parallelism === undefined ? DEFAULT_PARALLELISM : requireParallelism(options.parallelism),
    ...(maxParallelism === undefined ? {} : { maxParallelism: requireMaxParallelism(maxParallelism) }),
    ...(checkpointing === undefined ? {} : { checkpointing }),
    ...(options.restart === undefined ? {} : { restartStrategy: resolveRestart(options.restart) }),
    userConfiguration: resolveParameters(options.parameters),
    build: () => {
      const program = new StreamProgram();
      runBuild(build, new StreamExecutionEnvironment(program));
      return program.seal();
    },
  });
}

function runBuild(build: (env: StreamExecutionEnvironment) => unknown, env: StreamExecutionEnvironment): void {
  let result: unknown;
  try {
    result = build(env);
  } catch (error) {
    if (SluiceException.is(error, "INVALID_PROGRAM")) throw error;
    // Ours say what to change themselves.
    if (SluiceException.is(error)) throw invalidProgram(error.message, error);
    throw invalidProgram(`The job's build function threw: ${messageOf(error)}`, error);
  }
  if (typeof result === "object" && result !== null && "then" in result) {
    throw invalidProgram("The job's build function returned a promise. Build the graph without async and await.");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : showValue(error);
}

function requireName(name: unknown): string {
  if (typeof name === "string" && name.trim() !== "" && name.length <= MAX_NAME_LENGTH) return name;
  throw optionFault("name", `a text of 1 to ${MAX_NAME_LENGTH} characters`, name);
}

function resolveCheckpointing(options: CheckpointingOptions | undefined): CheckpointConfiguration | undefined {
  if (options === undefined) return undefined;
  requireObject("checkpointing", options);
  const { interval, timeout, minPause, tolerableFailures, maxConcurrent, retained, externalizedRetention } = options;
  const field = (name: string): string => `checkpointing.${name}`;
  return {
    ...CHECKPOINT_DEFAULTS,
    intervalMillis: requireDuration(field("interval"), interval, MIN_CHECKPOINT_MILLIS),
    ...(timeout === undefined
      ? {}
      : { timeoutMillis: requireDuration(field("timeout"), timeout, MIN_CHECKPOINT_MILLIS) }),
    ...(minPause === undefined ? {} : { minPauseMillis: requireDuration(field("minPause"), minPause, 0) }),
    ...(tolerableFailures === undefined
      ? {}
      : { tolerableFailed: requireCount(field("tolerableFailures"), tolerableFailures) }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent: requireCount(field("maxConcurrent"), maxConcurrent, 1) }),
    ...(retained === undefined ? {} : { retained: requireCount(field("retained"), retained, 1) }),
    ...(externalizedRetention === undefined
      ? {}
      : { externalizedRetention: requireRetention(field("externalizedRetention"), externalizedRetention) }),
  };
}

function requireRetention(field: string, value: ExternalizedCheckpointRetention): ExternalizedCheckpointRetention {
  if (EXTERNALIZED_CHECKPOINT_RETENTIONS.includes(value)) return value;
  throw optionFault(field, `one of ${EXTERNALIZED_CHECKPOINT_RETENTIONS.join(", ")}`, value);
}

function resolveParameters(parameters: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  if (parameters === undefined) return {};
  requireObject("parameters", parameters);
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value !== "string") throw optionFault(`parameters.${name}`, "a string", value);
  }
  return { ...parameters };
}
