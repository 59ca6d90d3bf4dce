import { describe, expect, it } from "vitest";
import { aggregateState } from "../../../src/rest/view/execution-state-counts.ts";
import { commonTimes, executionTimes, stateDurations } from "../../../src/rest/view/execution-times.ts";
import { serializedThrowable } from "../../../src/rest/view/java-serialized-throwable.ts";
import { describeRestartStrategy, maskSecrets } from "../../../src/rest/view/job-config.ts";
import { statsSummary } from "../../../src/rest/view/statistics-summary.ts";
import type { ExecutionState } from "../../../src/runtime/messages/execution-state.ts";
import { execution, STARTED } from "../jobs.ts";

describe("state of a vertex from its subtasks (contract: rest-v1 5.4)", () => {
  const rows: readonly (readonly [ExecutionState[], ExecutionState])[] = [
    [["RUNNING", "FAILED", "CANCELING"], "FAILED"],
    [["RUNNING", "CANCELING", "CANCELED"], "CANCELING"],
    [["FINISHED", "CANCELED"], "CANCELED"],
    [["RUNNING", "INITIALIZING"], "INITIALIZING"],
    [["RUNNING", "FINISHED"], "RUNNING"],
    [["FINISHED", "CREATED"], "RUNNING"],
    [["FINISHED", "FINISHED"], "FINISHED"],
    [["SCHEDULED", "DEPLOYING"], "CREATED"],
    [[], "CREATED"],
  ];
  it.each(rows)("%j is %s", (states, expected) => {
    expect(aggregateState(states)).toBe(expected);
  });
});

describe("times", () => {
  const now = STARTED + 60_000;
  const finished = execution({ subtask: 0, state: "FINISHED", timestamps: { FINISHED: STARTED + 9_000 } });

  it("of an attempt run from DEPLOYING to its end", () => {
    expect(executionTimes(finished, now)).toEqual({ start: STARTED + 2_000, end: STARTED + 9_000, duration: 7_000 });
    expect(executionTimes(execution({ subtask: 0 }), now)).toEqual({
      start: STARTED + 2_000,
      end: -1,
      duration: 58_000,
    });
  });

  it("of a vertex end with the last of its subtasks", () => {
    expect(commonTimes([finished, execution({ subtask: 1 })], now).end).toBe(-1);
    expect(commonTimes([finished, finished], now)).toEqual(executionTimes(finished, now));
    expect(commonTimes([], now)).toEqual({ start: -1, end: -1, duration: -1 });
  });

  it("in each state: to the next one, or to the end of the attempt", () => {
    expect(stateDurations(finished, now)).toMatchObject({ INITIALIZING: 1_000, RUNNING: 5_000 });
    const failedEarly = execution({
      subtask: 0,
      state: "FAILED",
      timestamps: { INITIALIZING: 0, RUNNING: 0, FAILED: STARTED + 7_000 },
    });
    expect(stateDurations(failedEarly, now)).toMatchObject({ DEPLOYING: 5_000, INITIALIZING: -1, RUNNING: -1 });
  });
});

describe("statistics", () => {
  it("of nothing are 0", () => {
    expect(statsSummary([])).toEqual({ min: 0, max: 0, avg: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0 });
  });

  it("interpolate between neighbours", () => {
    const summary = statsSummary([30, 10, 20, 40]);
    expect(summary).toMatchObject({ min: 10, max: 40, avg: 25, p50: 25 });
    expect(summary.p90).toBeCloseTo(37);
  });
});

describe("job configuration", () => {
  it("masks what looks like a secret, whatever its case (fact 47)", () => {
    const configuration = { "db.PassWord": "a", "s3.secret-key": "b", "auth.token": "c", keys: "d" };
    expect(maskSecrets(configuration)).toEqual({
      "db.PassWord": "******",
      "s3.secret-key": "******",
      "auth.token": "******",
      keys: "d",
    });
  });

  it("says when restarts are off", () => {
    expect(describeRestartStrategy({ kind: "none" })).toBe("Restart deactivated.");
    expect(
      describeRestartStrategy({
        kind: "failure-rate",
        maxFailuresPerInterval: 2,
        intervalMillis: 60_000,
        delayMillis: 9,
      }),
    ).toBe("Failure rate restart with maximum of 2 failures within interval 60000 ms and fixed delay 9 ms.");
    expect(
      describeRestartStrategy({
        kind: "exponential-delay",
        initialBackoffMillis: 1_000,
        maxBackoffMillis: 60_000,
        backoffMultiplier: 1.5,
        jitterFactor: 0.1,
        resetBackoffThresholdMillis: 3_600_000,
        attemptsBeforeResetBackoff: 9,
      }),
    ).toBe(
      "Restart with exponential delay: starting at 1000 ms, increasing by 1.5, with maximum 60000 ms. Delay resets after " +
        "3600000 ms with jitter 0.1.",
    );
  });
});

describe("a failure cause that Flink's client can read (contract: rest-v1 4.5)", () => {
  // JDK 17's ObjectInputStream read this very text back into a class of the given name, serialVersionUID and fields: message
  // `TypeError: bäd 😀<NUL> x`, class name `TypeError`, stack `TypeError: bäd\n    at job.ts:3`.
  const READ_BY_JAVA =
    "rO0ABXNyAClvcmcuYXBhY2hlLmZsaW5rLnV0aWwuU2VyaWFsaXplZFRocm93YWJsZWUWnfUfpxPzAgADTAAZZnVsbFN0cmluZ2lmaWVkU3RhY2tUcmFjZXQAEkxq" +
    "YXZhL2xhbmcvU3RyaW5nO0wAFm9yaWdpbmFsRXJyb3JDbGFzc05hbWVxAH4AAVsAE3NlcmlhbGl6ZWRFeGNlcHRpb250AAJbQnhyABNqYXZhLmxhbmcuRXhjZXB0" +
    "aW9u0P0fPho7HMQCAAB4cgATamF2YS5sYW5nLlRocm93YWJsZdXGNSc5d7jLAwAETAAFY2F1c2V0ABVMamF2YS9sYW5nL1Rocm93YWJsZTtMAA1kZXRhaWxNZXNz" +
    "YWdlcQB+AAFbAApzdGFja1RyYWNldAAeW0xqYXZhL2xhbmcvU3RhY2tUcmFjZUVsZW1lbnQ7TAAUc3VwcHJlc3NlZEV4Y2VwdGlvbnN0ABBMamF2YS91dGlsL0xp" +
    "c3Q7eHBwdAAaVHlwZUVycm9yOiBiw6RkIO2gve24gMCAIHhwcHh0AB9UeXBlRXJyb3I6IGLDpGQKICAgIGF0IGpvYi50czozdAAJVHlwZUVycm9ycA==";

  it("is the stream that Java read", () => {
    const failure = { name: "TypeError", message: "bäd 😀\u0000 x", stack: "TypeError: bäd\n    at job.ts:3" };
    expect(serializedThrowable(failure)).toBe(READ_BY_JAVA);
  });

  it("cuts a stack that is too long for a Java string", () => {
    const failure = { name: "Error", message: "m", stack: "x".repeat(100_000) };
    expect(atob(serializedThrowable(failure)).length).toBeLessThan(67_000);
  });
});
