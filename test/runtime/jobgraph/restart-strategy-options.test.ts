import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { parseRestartStrategy } from "../../../src/runtime/jobgraph/restart-strategy-options.ts";

describe("restart strategies by Flink's configuration keys", () => {
  it("FO-14: nothing said is nothing asked for", () => {
    expect(parseRestartStrategy({ "parallelism.default": "3" })).toBeUndefined();
  });

  it.each([
    ["none", "none"],
    ["off", "none"],
    ["disable", "none"],
    ["fixed-delay", "fixed-delay"],
    ["fixeddelay", "fixed-delay"],
    ["failure-rate", "failure-rate"],
    ["failurerate", "failure-rate"],
    ["exponential-delay", "exponential-delay"],
    ["exponentialdelay", "exponential-delay"],
    ["Exponential-Delay", "exponential-delay"],
  ])("FO-14: %s is %s", (type, kind) => {
    expect(parseRestartStrategy({ "restart-strategy.type": type })?.kind).toBe(kind);
  });

  it("contract 3.2: the defaults are Flink's", () => {
    const defaultsOf = (type: string) => parseRestartStrategy({ "restart-strategy.type": type });
    expect(defaultsOf("fixed-delay")).toEqual({ kind: "fixed-delay", attempts: 1, delayMillis: 1_000 });
    expect(defaultsOf("failure-rate")).toEqual({
      kind: "failure-rate",
      maxFailuresPerInterval: 1,
      intervalMillis: 60_000,
      delayMillis: 1_000,
    });
    expect(defaultsOf("exponential-delay")).toEqual({
      kind: "exponential-delay",
      initialBackoffMillis: 1_000,
      maxBackoffMillis: 60_000,
      backoffMultiplier: 1.5,
      jitterFactor: 0.1,
      resetBackoffThresholdMillis: 3_600_000,
      attemptsBeforeResetBackoff: 2_147_483_647,
    });
  });

  it("contract 3.2: takes every key, times in Flink's units", () => {
    expect(
      parseRestartStrategy({
        "restart-strategy.type": "failure-rate",
        "restart-strategy.failure-rate.max-failures-per-interval": "5",
        "restart-strategy.failure-rate.failure-rate-interval": "10 min",
        "restart-strategy.failure-rate.delay": "250ms",
      }),
    ).toEqual({ kind: "failure-rate", maxFailuresPerInterval: 5, intervalMillis: 600_000, delayMillis: 250 });
    expect(
      parseRestartStrategy({
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "2 s",
        "restart-strategy.exponential-delay.max-backoff": "1 h",
        "restart-strategy.exponential-delay.backoff-multiplier": "2.5",
        "restart-strategy.exponential-delay.jitter-factor": "0",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "1 d",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "7",
      }),
    ).toEqual({
      kind: "exponential-delay",
      initialBackoffMillis: 2_000,
      maxBackoffMillis: 3_600_000,
      backoffMultiplier: 2.5,
      jitterFactor: 0,
      resetBackoffThresholdMillis: 86_400_000,
      attemptsBeforeResetBackoff: 7,
    });
  });

  const fixed = { "restart-strategy.type": "fixed-delay" };
  it.each([
    [
      { "restart-strategy.type": "sometimes" },
      "restart-strategy.type: expected one of none, off, disable",
      '"sometimes"',
    ],
    [{ "restart-strategy.fixed-delay.delay": "1 s" }, "restart-strategy.type: expected one of", "got nothing"],
    [
      { ...fixed, "restart-strategy.failure-rate.delay": "1 s" },
      "restart-strategy.failure-rate.delay: expected",
      '"1 s"',
    ],
    [{ ...fixed, "restart-strategy.fixed-delay.tries": "3" }, "restart-strategy.fixed-delay.tries: expected", '"3"'],
    [{ ...fixed, "restart-strategy.fixed-delay.attempts": "-1" }, "attempts: expected an integer from 0", '"-1"'],
    [{ ...fixed, "restart-strategy.fixed-delay.attempts": "1.5" }, "attempts: expected an integer from 0", '"1.5"'],
    [{ ...fixed, "restart-strategy.fixed-delay.delay": "soon" }, "delay: expected a duration such as", '"soon"'],
    [
      { ...fixed, "restart-strategy.fixed-delay.delay": "1 constructor" },
      "delay: expected a duration",
      '"1 constructor"',
    ],
    [
      { "restart-strategy.type": "exponential-delay", "restart-strategy.exponential-delay.jitter-factor": "1.1" },
      "jitter-factor: expected a number from 0 to 1",
      '"1.1"',
    ],
    [
      { "restart-strategy.type": "exponential-delay", "restart-strategy.exponential-delay.max-backoff": "500 ms" },
      "max-backoff: expected a duration such as 500 ms, 1 s or 10 min, at least 1000 ms",
      '"500 ms"',
    ],
  ])("names what it cannot take: %j", (configuration, expected, got) => {
    let fault: unknown;
    try {
      parseRestartStrategy(configuration);
    } catch (error) {
      fault = error;
    }
    expect(SluiceException.is(fault, "INVALID_ARGUMENT")).toBe(true);
    expect(String(fault)).toContain(expected);
    expect(String(fault)).toContain(`got ${got.replace("got ", "")}`);
  });
});
