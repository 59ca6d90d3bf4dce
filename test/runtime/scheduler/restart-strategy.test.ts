import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import {
  NO_RESTARTS,
  PROGRESS_MILLIS,
  type RestartCounts,
} from "../../../src/runtime/executiongraph/restart-counts.ts";
import type { RestartStrategyConfiguration } from "../../../src/runtime/jobgraph/job-configuration.ts";
import { serializeThrowable, type SerializedThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import {
  decideRestart,
  MAX_FREE_RESTARTS_WITHOUT_PROGRESS,
  type RestartDecision,
} from "../../../src/runtime/scheduler/restart-strategy.ts";

const FIXED = { kind: "fixed-delay", attempts: 3, delayMillis: 1_000 } as const;
const RATE = { kind: "failure-rate", maxFailuresPerInterval: 2, intervalMillis: 1_000, delayMillis: 50 } as const;
const EXPONENTIAL = {
  kind: "exponential-delay",
  initialBackoffMillis: 1_000,
  maxBackoffMillis: 60_000,
  backoffMultiplier: 1.5,
  jitterFactor: 0.1,
  resetBackoffThresholdMillis: 3_600_000,
  attemptsBeforeResetBackoff: 2 ** 31 - 1,
} as const;
const NOW = 5_000_000;
const FAILURE = serializeThrowable(new Error("boom"));
const INFRASTRUCTURE = serializeThrowable(new Error("object reset"), { infrastructure: true });

function decide(
  strategy: RestartStrategyConfiguration,
  restarts: RestartCounts,
  failure: SerializedThrowable,
  nowMillis = NOW,
): RestartDecision {
  return decideRestart(strategy, restarts, { failure, nowMillis, random: { next: () => 0.5 } });
}

/** Failures at these times, one after the other: the delay of each restart, `undefined` where it was refused. */
function delaysOf(
  strategy: RestartStrategyConfiguration,
  times: readonly number[],
  chances: readonly number[] = [],
): { readonly delays: readonly (number | undefined)[]; readonly restarts: RestartCounts } {
  let restarts: RestartCounts = NO_RESTARTS;
  const delays = times.map((nowMillis, index) => {
    const random = { next: () => chances[index] ?? 0.5 };
    const decision = decideRestart(strategy, restarts, { failure: FAILURE, nowMillis, random });
    if (decision.kind === "fail") return undefined;
    restarts = decision.restarts ?? restarts;
    return decision.delayMillis;
  });
  return { delays, restarts };
}

describe("fixed-delay and none", () => {
  it.each([0, 1, 2])("FO-15: fixed-delay restarts failure %i of three after its delay", (charged) => {
    expect(decide(FIXED, { ...NO_RESTARTS, total: charged, charged }, FAILURE)).toMatchObject({
      kind: "restart",
      delayMillis: 1_000,
      restarts: { total: charged + 1, charged: charged + 1 },
    });
  });

  it("FO-15: and not the fourth", () => {
    expect(decide(FIXED, { ...NO_RESTARTS, total: 3, charged: 3 }, FAILURE).kind).toBe("fail");
  });

  it("none restarts nothing but what the infrastructure caused", () => {
    expect(decide({ kind: "none" }, NO_RESTARTS, FAILURE).kind).toBe("fail");
    expect(decide({ kind: "none" }, NO_RESTARTS, INFRASTRUCTURE)).toMatchObject({
      kind: "restart",
      restarts: { total: 1, charged: 0 },
    });
  });
});

describe("failure-rate", () => {
  it("FO-15: restarts until more failures than allowed fall into the interval, its end not counted out", () => {
    expect(delaysOf(RATE, [0, 10, 20]).delays).toEqual([50, 50, undefined]);
    expect(delaysOf(RATE, [0, 10, 1_000]).delays).toEqual([50, 50, undefined]);
    expect(delaysOf(RATE, [0, 10, 1_001]).delays).toEqual([50, 50, 50]);
  });

  it("FO-15: says what Flink's strategy says, for any failures", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 30 });
    const bounds = fc.record({ max: fc.integer({ min: 1, max: 4 }), interval: fc.integer({ min: 1, max: 90 }) });
    fc.assert(
      fc.property(gaps, bounds, (steps, { max, interval }) => {
        let at = 0;
        const times = steps.map((step) => (at += step));
        // FailureRateRestartBackoffTimeStrategy: a queue of the newest max + 1 stamps.
        const queue: number[] = [];
        const expected = times.map((now) => {
          if (queue.length > max) queue.shift();
          queue.push(now);
          return queue.length > max && now - (queue[0] ?? now) <= interval ? undefined : 7;
        });
        const end = expected.indexOf(undefined);
        const lived = end < 0 ? times.length : end + 1;
        const strategy = { ...RATE, maxFailuresPerInterval: max, intervalMillis: interval, delayMillis: 7 };
        expect(delaysOf(strategy, times.slice(0, lived)).delays).toEqual(expected.slice(0, lived));
      }),
    );
  });
});

describe("exponential-delay", () => {
  const calm = { ...EXPONENTIAL, jitterFactor: 0 };

  it("FO-16: grows from the initial to the greatest backoff", () => {
    const times = [0, 10_000, 20_000, 30_000, 40_000].map((at) => at * 10);
    expect(delaysOf({ ...calm, maxBackoffMillis: 3_000 }, times).delays).toEqual([1_000, 1_500, 2_250, 3_000, 3_000]);
  });

  it("FO-16: begins anew when the job ran for the threshold since its last restart was due, to the millisecond", () => {
    const threshold = calm.resetBackoffThresholdMillis;
    // The second restart is due at 100,000 + 1,500.
    expect(delaysOf(calm, [0, 100_000, 101_500 + threshold - 1]).delays).toEqual([1_000, 1_500, 2_250]);
    expect(delaysOf(calm, [0, 100_000, 101_500 + threshold]).delays).toEqual([1_000, 1_500, 1_000]);
  });

  it("FO-16: refuses above its number of attempts, which a reset gives back", () => {
    const twice = { ...calm, attemptsBeforeResetBackoff: 2 };
    expect(delaysOf(twice, [0, 10_000, 20_000]).delays).toEqual([1_000, 1_500, undefined]);
    expect(delaysOf(twice, [0, 10_000, 20_000 + calm.resetBackoffThresholdMillis]).delays).toEqual([
      1_000, 1_500, 1_000,
    ]);
  });

  it("FO-16: jitter takes away or adds a tenth at most, and never leaves the bounds", () => {
    const fromTo = (chance: number) => delaysOf(EXPONENTIAL, [0, 10_000], [chance, chance]).delays;
    expect(fromTo(0)).toEqual([1_000, 1_350]);
    expect(fromTo(0.5)).toEqual([1_000, 1_500]);
    expect(fromTo(0.999_999)).toEqual([1_100, 1_650]);
    const late = Array.from({ length: 2_000 }, (_, index) => index * 100_000);
    const { delays } = delaysOf(
      EXPONENTIAL,
      late,
      late.map((_, index) => (index % 100) / 100),
    );
    expect(Math.max(...delays.map(Number))).toBe(60_000);
    expect(Math.min(...delays.map(Number))).toBe(1_000);
  });

  it("FO-17: a failure until the restart is due joins it: no new attempt, no count, what is left of the delay", () => {
    const { delays, restarts } = delaysOf(calm, [0, 400, 1_000, 1_001]);
    expect(delays).toEqual([1_000, 600, 0, 1_500]);
    expect(restarts).toMatchObject({ total: 2, charged: 2, backoff: { attempts: 2, nextMillis: 2_501 } });
  });

  it("FO-16, FO-17: says what Flink's strategy says, for any failures", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 6 }), (steps, limit) => {
        let at = 0;
        const times = steps.map((step) => (at += step));
        const strategy = {
          ...calm,
          initialBackoffMillis: 100,
          maxBackoffMillis: 900,
          resetBackoffThresholdMillis: 4_000,
          attemptsBeforeResetBackoff: limit,
        };
        // ExponentialDelayRestartBackoffTimeStrategy#notifyFailure, without jitter.
        let attempt = 0;
        let next = Number.NEGATIVE_INFINITY;
        const expected = times.map((now) => {
          if (now > next) {
            if (now - next >= 4_000) attempt = 0;
            next = now + Math.max(100, Math.min(Math.floor(100 * Math.pow(1.5, attempt)), 900));
            attempt += 1;
          }
          return attempt <= limit ? Math.max(0, next - now) : undefined;
        });
        const end = expected.indexOf(undefined);
        const lived = end < 0 ? times.length : end + 1;
        expect(delaysOf(strategy, times.slice(0, lived)).delays).toEqual(expected.slice(0, lived));
      }),
    );
  });
});

describe("any strategy", () => {
  it("a broken channel is the loss of its other end", () => {
    const broken = serializeThrowable(new SluiceException("PARTITION_CONNECTION", "channel lost"));
    expect(decide(FIXED, NO_RESTARTS, broken)).toMatchObject({ kind: "restart", restarts: { charged: 0 } });
  });

  it.each([FIXED, RATE, EXPONENTIAL])(
    "the infrastructure's restarts cost $kind nothing, but there is an end to them",
    (strategy) => {
      const spent = { total: 3, charged: 3, freeWithoutProgress: 0, lastMillis: NOW };
      const free = decide(strategy, spent, INFRASTRUCTURE);
      expect(free).toMatchObject({ kind: "restart", restarts: { total: 4, charged: 3, freeWithoutProgress: 1 } });
      const stuck = { ...spent, freeWithoutProgress: MAX_FREE_RESTARTS_WITHOUT_PROGRESS };
      const charged = strategy.kind === "fixed-delay" ? "fail" : "restart";
      expect(decide(strategy, stuck, INFRASTRUCTURE).kind).toBe(charged);
      // Ten minutes of life are progress, for a job without checkpoints too.
      const chargedAfter = (millis: number): number => {
        const decision = decide(strategy, { ...stuck, charged: 0 }, INFRASTRUCTURE, NOW + millis);
        return decision.kind === "restart" ? (decision.restarts?.charged ?? 0) : -1;
      };
      expect(chargedAfter(PROGRESS_MILLIS - 1)).toBe(1);
      expect(chargedAfter(PROGRESS_MILLIS)).toBe(0);
    },
  );

  it("FO-12, FO-13: the refusal names who refused and keeps the cause's stack", () => {
    const refused = decide(FIXED, { ...NO_RESTARTS, charged: 3 }, FAILURE);
    expect(refused).toMatchObject({
      failure: { code: "JOB_EXECUTION", message: expect.stringContaining("fixed-delay") },
    });
    const fatal = decide(FIXED, NO_RESTARTS, { ...FAILURE, nonRecoverable: true });
    expect(fatal).toMatchObject({ kind: "fail", failure: { stack: expect.stringContaining(FAILURE.stack) } });
    const rate = delaysOf(RATE, [0, 1]).restarts;
    expect(decide(RATE, rate, FAILURE, 2)).toMatchObject({
      failure: { message: expect.stringContaining("failure-rate (at most 2 failures within 1000 ms") },
    });
  });

  it("FO-12: SUPPRESS_RESTARTS anywhere in the chain of causes asks no strategy", () => {
    const cause = new SluiceException("SUPPRESS_RESTARTS", "the credentials were revoked");
    const failure = serializeThrowable(new Error("sink failed", { cause: new Error("in between", { cause }) }));
    expect(decide(FIXED, NO_RESTARTS, failure).kind).toBe("fail");
  });
});
