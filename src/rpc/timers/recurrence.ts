import { Cron } from "croner";
import type { Duration } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";

/** When a durable timer is due again after it has run. */
export type Recurrence =
  | { readonly kind: "every"; readonly intervalMillis: number; readonly fromMillis: number }
  | { readonly kind: "cron"; readonly pattern: string; readonly timeZone: string };

/** The instants `start + n * interval`, however long a run takes. */
export function everyInterval(interval: Duration, startMillis: number): Recurrence {
  if (interval < 1) throw new RangeError(`interval: expected at least 1 ms, got ${interval}`);
  return { kind: "every", intervalMillis: interval, fromMillis: startMillis };
}

/**
 * The instants of a cron pattern: five fields, or six with seconds first.
 *
 * @throws SluiceException `INVALID_ARGUMENT` for a pattern or time zone that does not exist.
 */
export function cronPattern(pattern: string, timeZone = "UTC"): Recurrence {
  const recurrence: Recurrence = { kind: "cron", pattern, timeZone };
  nextInstant(recurrence, 0);
  return recurrence;
}

/** The first instant after `afterMillis`; `undefined` if there is none. */
export function nextInstant(recurrence: Recurrence, afterMillis: number): number | undefined {
  if (recurrence.kind === "every") {
    const { intervalMillis, fromMillis } = recurrence;
    return fromMillis + Math.max(0, Math.floor((afterMillis - fromMillis) / intervalMillis) + 1) * intervalMillis;
  }
  const { pattern, timeZone } = recurrence;
  try {
    return new Cron(pattern, { timezone: timeZone }).nextRun(new Date(afterMillis))?.getTime();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new SluiceException("INVALID_ARGUMENT", `cron pattern ${JSON.stringify(pattern)} in ${timeZone}: ${detail}`);
  }
}
