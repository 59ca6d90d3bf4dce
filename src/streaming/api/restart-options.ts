import { hours, minutes, seconds } from "../../common/duration.ts";
import type { Duration } from "../../common/duration.ts";
import type { RestartStrategyConfiguration } from "../../runtime/jobgraph/job-configuration.ts";
import { optionFault, requireCount, requireDuration, requireObject } from "./job-options.ts";

/** When a job that failed starts again; Flink's restart strategies, with Flink's defaults. */
export type RestartOptions =
  | "none"
  /** Fixed-delay: so many times over the job's whole life, each time after this delay. */
  | { readonly attempts: number; readonly delay: Duration }
  | { readonly failureRate: FailureRateOptions }
  | { readonly exponentialDelay: ExponentialDelayOptions };

/** Restarts unless there are more failures within the interval. */
export interface FailureRateOptions {
  /** Default 1. */
  readonly maxFailures?: number;
  /** Default a minute. */
  readonly interval?: Duration;
  /** Default a second. */
  readonly delay?: Duration;
}

/** Restarts after a delay that grows with each failure. */
export interface ExponentialDelayOptions {
  /** Default a second. */
  readonly initialBackoff?: Duration;
  /** Default a minute. */
  readonly maxBackoff?: Duration;
  /** Default 1.5. */
  readonly multiplier?: number;
  /** Part of the delay that chance adds or takes away at most; default 0.1. */
  readonly jitter?: number;
  /** A job that ran so long begins with the initial backoff again; default an hour. */
  readonly resetAfter?: Duration;
  /** Restarts in a row, without such a reset, after which the job fails; default: without end. */
  readonly attempts?: number;
}

const UNLIMITED = 2 ** 31 - 1;

/** @throws INVALID_PROGRAM naming the option and its value. */
export function resolveRestart(options: RestartOptions): RestartStrategyConfiguration {
  if (options === "none") return { kind: "none" };
  requireObject("restart", options);
  if ("failureRate" in options) return resolveFailureRate(options.failureRate);
  if ("exponentialDelay" in options) return resolveExponentialDelay(options.exponentialDelay);
  return {
    kind: "fixed-delay",
    attempts: requireCount("restart.attempts", options.attempts),
    delayMillis: requireDuration("restart.delay", options.delay, 0),
  };
}

function resolveFailureRate(options: FailureRateOptions): RestartStrategyConfiguration {
  const field = "restart.failureRate";
  requireObject(field, options);
  const { maxFailures = 1, interval = minutes(1), delay = seconds(1) } = options;
  return {
    kind: "failure-rate",
    maxFailuresPerInterval: requireCount(`${field}.maxFailures`, maxFailures, 1),
    intervalMillis: requireDuration(`${field}.interval`, interval, 1),
    delayMillis: requireDuration(`${field}.delay`, delay, 0),
  };
}

function resolveExponentialDelay(options: ExponentialDelayOptions): RestartStrategyConfiguration {
  const field = "restart.exponentialDelay";
  requireObject(field, options);
  const { initialBackoff = seconds(1), multiplier = 1.5, jitter = 0.1 } = options;
  const { resetAfter = hours(1), attempts = UNLIMITED } = options;
  const initialBackoffMillis = requireDuration(`${field}.initialBackoff`, initialBackoff, 1);
  const { maxBackoff = Math.max(minutes(1), initialBackoffMillis) } = options;
  return {
    kind: "exponential-delay",
    initialBackoffMillis,
    maxBackoffMillis: requireDuration(`${field}.maxBackoff`, maxBackoff, initialBackoffMillis),
    backoffMultiplier: requireNumber(`${field}.multiplier`, multiplier, { from: 1, to: Number.MAX_VALUE }),
    jitterFactor: requireNumber(`${field}.jitter`, jitter, { from: 0, to: 1 }),
    resetBackoffThresholdMillis: requireDuration(`${field}.resetAfter`, resetAfter, 1),
    attemptsBeforeResetBackoff: requireCount(`${field}.attempts`, attempts, 1),
  };
}

function requireNumber(option: string, value: unknown, bounds: { readonly from: number; readonly to: number }): number {
  const { from, to } = bounds;
  if (typeof value === "number" && value >= from && value <= to) return value;
  throw optionFault(
    option,
    to === Number.MAX_VALUE ? `a number from ${from}` : `a number from ${from} to ${to}`,
    value,
  );
}
