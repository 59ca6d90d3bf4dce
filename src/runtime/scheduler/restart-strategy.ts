import { freeRestartsWithoutProgress, type RestartCounts } from "../executiongraph/restart-counts.ts";
import { DEFAULT_RESTART_STRATEGY, type RestartStrategyConfiguration } from "../jobgraph/job-configuration.ts";
import { MAX_THROWABLE_CHARACTERS, type SerializedThrowable } from "../messages/serialized-throwable.ts";

/** Whether a failed job starts again. */
export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMillis: number; readonly charged: boolean }
  /** `failure` is what the job ends with: it wraps the cause and says who refused (FO-12, FO-13). */
  | { readonly kind: "fail"; readonly failure: SerializedThrowable };

/**
 * Restarts that the infrastructure caused are free, but only so many in a row without progress: a job that takes its
 * TaskExecutor's memory down each time must not restart for ever.
 */
export const MAX_FREE_RESTARTS_WITHOUT_PROGRESS = 10;

/**
 * Asks the restart strategy (contract FO-12, FO-13, FO-15): fixed-delay restarts up to its number over the job's whole
 * life.
 *
 * @param restarts the ones so far.
 */
export function decideRestart(
  strategy: RestartStrategyConfiguration,
  restarts: RestartCounts,
  { failure, nowMillis }: { readonly failure: SerializedThrowable; readonly nowMillis: number },
): RestartDecision {
  if (failure.nonRecoverable === true) {
    return { kind: "fail", failure: wrap("The failure is not recoverable", failure) };
  }
  const delayMillis = strategy.kind === "none" ? FREE_RESTART_DELAY_MILLIS : strategy.delayMillis;
  const freeSoFar = freeRestartsWithoutProgress(restarts, nowMillis);
  if (isInfrastructure(failure) && freeSoFar < MAX_FREE_RESTARTS_WITHOUT_PROGRESS) {
    return { kind: "restart", delayMillis, charged: false };
  }
  if (strategy.kind === "fixed-delay" && restarts.charged < strategy.attempts) {
    return { kind: "restart", delayMillis, charged: true };
  }
  return { kind: "fail", failure: wrap(`Recovery is suppressed by ${describe(strategy)}`, failure) };
}

const FREE_RESTART_DELAY_MILLIS =
  DEFAULT_RESTART_STRATEGY.kind === "fixed-delay" ? DEFAULT_RESTART_STRATEGY.delayMillis : 0;

/** A channel breaks when its other end is gone, which the tasks that notice it first cannot know. */
function isInfrastructure(failure: SerializedThrowable): boolean {
  return failure.infrastructure === true || failure.code === "PARTITION_CONNECTION";
}

function describe(strategy: RestartStrategyConfiguration): string {
  if (strategy.kind === "none") return "the restart strategy none";
  return `the restart strategy fixed-delay (${strategy.attempts} restarts, ${strategy.delayMillis} ms apart)`;
}

function wrap(message: string, cause: SerializedThrowable): SerializedThrowable {
  const name = "JobExecutionException";
  const stack = `${name}: ${message}\nCaused by: ${cause.stack}`;
  return { name, message, stack: stack.slice(0, MAX_THROWABLE_CHARACTERS), code: "JOB_EXECUTION" };
}
