import type { Random } from "../../common/random.ts";
import {
  countRestart,
  freeRestartsWithoutProgress,
  type Backoff,
  type RestartCounts,
} from "../executiongraph/restart-counts.ts";
import type { ExponentialDelayConfiguration, RestartStrategyConfiguration } from "../jobgraph/job-configuration.ts";
import { MAX_THROWABLE_CHARACTERS, type SerializedThrowable } from "../messages/serialized-throwable.ts";

/** Whether a failed job starts again. */
export type RestartDecision =
  | {
      readonly kind: "restart";
      readonly delayMillis: number;
      /** This restart counted in; `undefined` if the failure joins a restart that is due already (FO-17). */
      readonly restarts: RestartCounts | undefined;
    }
  /** `failure` is what the job ends with: it wraps the cause and says who refused (FO-12, FO-13). */
  | { readonly kind: "fail"; readonly failure: SerializedThrowable };

/** A failure, and what a decision about it may use. */
export interface RestartQuestion {
  readonly failure: SerializedThrowable;
  readonly nowMillis: number;
  readonly random: Random;
}

/**
 * Restarts that the infrastructure caused are free, but only so many in a row without progress: a job that takes its
 * TaskExecutor's memory down each time must not restart for ever.
 */
export const MAX_FREE_RESTARTS_WITHOUT_PROGRESS = 10;

/** Between a failure of the infrastructure and the restart, where the strategy knows no constant delay. */
const FREE_RESTART_DELAY_MILLIS = 1_000;

/**
 * Asks the restart strategy (contract FO-12, FO-13, FO-15 to FO-17). Its memory goes on over all lives of the JobMaster.
 *
 * @param restarts the ones so far.
 */
export function decideRestart(
  strategy: RestartStrategyConfiguration,
  restarts: RestartCounts,
  question: RestartQuestion,
): RestartDecision {
  const { failure, nowMillis } = question;
  if (failure.nonRecoverable === true) {
    return { kind: "fail", failure: wrap("The failure is not recoverable", failure) };
  }
  const freeSoFar = freeRestartsWithoutProgress(restarts, nowMillis);
  if (isInfrastructure(failure) && freeSoFar < MAX_FREE_RESTARTS_WITHOUT_PROGRESS) {
    const delayMillis = "delayMillis" in strategy ? strategy.delayMillis : FREE_RESTART_DELAY_MILLIS;
    return { kind: "restart", delayMillis, restarts: countRestart(restarts, false, nowMillis) };
  }
  const decision = askStrategy(strategy, restarts, question);
  return decision ?? { kind: "fail", failure: wrap(`Recovery is suppressed by ${describe(strategy)}`, failure) };
}

/** @returns `undefined` if it refuses. */
function askStrategy(
  strategy: RestartStrategyConfiguration,
  restarts: RestartCounts,
  { nowMillis, random }: RestartQuestion,
): RestartDecision | undefined {
  const charged = countRestart(restarts, true, nowMillis);
  switch (strategy.kind) {
    case "none":
      return undefined;
    case "fixed-delay":
      if (restarts.charged < strategy.attempts) {
        return { kind: "restart", delayMillis: strategy.delayMillis, restarts: charged };
      }
      return undefined;
    case "failure-rate": {
      const kept = strategy.maxFailuresPerInterval + 1;
      const failureTimestamps = [...(restarts.failureTimestamps ?? []), nowMillis].slice(-kept);
      const [oldest = nowMillis] = failureTimestamps;
      if (failureTimestamps.length >= kept && nowMillis - oldest <= strategy.intervalMillis) return undefined;
      return { kind: "restart", delayMillis: strategy.delayMillis, restarts: { ...charged, failureTimestamps } };
    }
    case "exponential-delay": {
      const due = restarts.backoff?.nextMillis;
      if (due !== undefined && nowMillis <= due) {
        return { kind: "restart", delayMillis: due - nowMillis, restarts: undefined };
      }
      const backoff = nextBackoff(strategy, restarts.backoff, { nowMillis, random });
      if (backoff.attempts > strategy.attemptsBeforeResetBackoff) return undefined;
      return { kind: "restart", delayMillis: backoff.nextMillis - nowMillis, restarts: { ...charged, backoff } };
    }
  }
}

/** FO-16 */
function nextBackoff(
  strategy: ExponentialDelayConfiguration,
  last: Backoff | undefined,
  { nowMillis, random }: Pick<RestartQuestion, "nowMillis" | "random">,
): Backoff {
  const calm = last === undefined || nowMillis - last.nextMillis >= strategy.resetBackoffThresholdMillis;
  const attempts = calm ? 0 : last.attempts;
  const { initialBackoffMillis, maxBackoffMillis, backoffMultiplier, jitterFactor } = strategy;
  const exact = initialBackoffMillis * backoffMultiplier ** attempts;
  // A power that overflows is cut here, where its jitter would not be a number.
  const bounded = Math.min(exact, Number.MAX_SAFE_INTEGER);
  const jitter = Math.floor(bounded * jitterFactor);
  const offset = Math.floor(random.next() * (2 * jitter + 1)) - jitter;
  const delay = Math.max(initialBackoffMillis, Math.min(Math.floor(bounded + offset), maxBackoffMillis));
  return { attempts: attempts + 1, nextMillis: nowMillis + delay };
}

/** A channel breaks when its other end is gone, which the tasks that notice it first cannot know. */
function isInfrastructure(failure: SerializedThrowable): boolean {
  return failure.infrastructure === true || failure.code === "PARTITION_CONNECTION";
}

function describe(strategy: RestartStrategyConfiguration): string {
  switch (strategy.kind) {
    case "none":
      return "the restart strategy none";
    case "fixed-delay":
      return `the restart strategy fixed-delay (${strategy.attempts} restarts, ${strategy.delayMillis} ms apart)`;
    case "failure-rate":
      return (
        `the restart strategy failure-rate (at most ${strategy.maxFailuresPerInterval} failures within ` +
        `${strategy.intervalMillis} ms, ${strategy.delayMillis} ms apart)`
      );
    case "exponential-delay":
      return (
        `the restart strategy exponential-delay (at most ${strategy.attemptsBeforeResetBackoff} restarts before the ` +
        "backoff is reset)"
      );
  }
}

function wrap(message: string, cause: SerializedThrowable): SerializedThrowable {
  const name = "JobExecutionException";
  const stack = `${name}: ${message}\nCaused by: ${cause.stack}`;
  return { name, message, stack: stack.slice(0, MAX_THROWABLE_CHARACTERS), code: "JOB_EXECUTION" };
}
