import { describe, expect, it } from "vitest";
import { minutes, seconds } from "../../../src/common/duration.ts";
import { defineJob } from "../../../src/streaming/api/define-job.ts";
import type { RestartOptions } from "../../../src/streaming/api/restart-options.ts";
import { requireJobDefinition } from "../../../src/streaming/graph/job-definition.ts";

const nothing = (): void => {};

/** As a module in JavaScript may call it. */
function define(options: unknown, build: unknown = nothing): unknown {
  return Reflect.apply(defineJob, undefined, [options, build]);
}

describe("defineJob", () => {
  it("fills in the defaults", () => {
    const { build: _build, ...definition } = defineJob({ name: "quakes" }, nothing);
    expect(definition).toMatchObject({
      name: "quakes",
      parallelism: 4,
      userConfiguration: {},
    });
    expect(definition).not.toHaveProperty("restartStrategy");
    expect(definition).not.toHaveProperty("checkpointing");
  });

  it("takes every option", () => {
    const definition = defineJob(
      {
        name: "quakes",
        parallelism: 128,
        maxParallelism: 32_768,
        checkpointing: { interval: seconds(1), timeout: minutes(1), minPause: seconds(2), tolerableFailures: 3 },
        restart: { attempts: 5, delay: seconds(10) },
        parameters: { region: "ak" },
      },
      nothing,
    );
    expect(definition).toMatchObject({
      parallelism: 128,
      maxParallelism: 32_768,
      checkpointing: { intervalMillis: 1_000, timeoutMillis: 60_000, minPauseMillis: 2_000, tolerableFailed: 3 },
      restartStrategy: { kind: "fixed-delay", attempts: 5, delayMillis: 10_000 },
      userConfiguration: { region: "ak" },
    });
  });

  it("takes Flink's restart strategies, with Flink's defaults (contract: runtime-semantics 3.2)", () => {
    const strategyOf = (restart: RestartOptions) => defineJob({ name: "quakes", restart }, nothing).restartStrategy;
    expect(strategyOf("none")).toEqual({ kind: "none" });
    expect(strategyOf({ failureRate: {} })).toEqual({
      kind: "failure-rate",
      maxFailuresPerInterval: 1,
      intervalMillis: 60_000,
      delayMillis: 1_000,
    });
    expect(strategyOf({ failureRate: { maxFailures: 3, interval: minutes(5), delay: seconds(2) } })).toEqual({
      kind: "failure-rate",
      maxFailuresPerInterval: 3,
      intervalMillis: 300_000,
      delayMillis: 2_000,
    });
    const defaults = {
      kind: "exponential-delay",
      initialBackoffMillis: 1_000,
      maxBackoffMillis: 60_000,
      backoffMultiplier: 1.5,
      jitterFactor: 0.1,
      resetBackoffThresholdMillis: 3_600_000,
      attemptsBeforeResetBackoff: 2_147_483_647,
    };
    expect(strategyOf({ exponentialDelay: {} })).toEqual(defaults);
    expect(
      strategyOf({ exponentialDelay: { initialBackoff: minutes(2), multiplier: 2, jitter: 0, attempts: 4 } }),
    ).toEqual({
      ...defaults,
      initialBackoffMillis: 120_000,
      maxBackoffMillis: 120_000,
      backoffMultiplier: 2,
      jitterFactor: 0,
      attemptsBeforeResetBackoff: 4,
    });
  });

  it.each([
    [undefined, "options: expected an object, got undefined"],
    [{}, "name: expected a text of 1 to 255 characters, got undefined"],
    [{ name: "  " }, 'name: expected a text of 1 to 255 characters, got "  "'],
    [{ name: "x".repeat(256) }, "name: expected a text of 1 to 255 characters"],
    [{ name: "x", parallelism: 0 }, "parallelism: expected an integer from 1 to 128, got 0"],
    [{ name: "x", parallelism: 129 }, "parallelism: expected an integer from 1 to 128, got 129"],
    [{ name: "x", parallelism: "four" }, 'parallelism: expected an integer from 1 to 128, got "four"'],
    [{ name: "x", parallelism: 1.5 }, "parallelism: expected an integer from 1 to 128, got 1.5"],
    [{ name: "x", maxParallelism: 32_769 }, "maxParallelism: expected an integer from 1 to 32768, got 32769"],
    [{ name: "x", checkpointing: 5 }, "checkpointing: expected an object, got 5"],
    [
      { name: "x", checkpointing: {} },
      "checkpointing.interval: expected a duration such as seconds(1), from 10 ms to a year, got undefined",
    ],
    [
      { name: "x", checkpointing: { interval: 9 } },
      "checkpointing.interval: expected a duration such as seconds(1), from 10 ms to a year, got 9",
    ],
    [
      { name: "x", checkpointing: { interval: 10, timeout: "1s" } },
      'checkpointing.timeout: expected a duration such as seconds(1), from 10 ms to a year, got "1s"',
    ],
    [
      { name: "x", checkpointing: { interval: 10, tolerableFailures: -1 } },
      "checkpointing.tolerableFailures: expected a whole number from 0, got -1",
    ],
    [
      { name: "x", checkpointing: { interval: 10, retained: 0 } },
      "checkpointing.retained: expected a whole number from 1, got 0",
    ],
    [
      { name: "x", checkpointing: { interval: 10, maxConcurrent: 0 } },
      "checkpointing.maxConcurrent: expected a whole number from 1, got 0",
    ],
    [
      { name: "x", checkpointing: { interval: 10, externalizedRetention: "KEEP" } },
      'checkpointing.externalizedRetention: expected one of NO_EXTERNALIZED_CHECKPOINTS, DELETE_ON_CANCELLATION, RETAIN_ON_CANCELLATION, got "KEEP"',
    ],
    [{ name: "x", restart: "always" }, 'restart: expected an object, got "always"'],
    [
      { name: "x", restart: { attempts: 1 } },
      "restart.delay: expected a duration such as seconds(1), from 0 ms to a year, got undefined",
    ],
    [
      { name: "x", restart: { failureRate: { maxFailures: 0 } } },
      "restart.failureRate.maxFailures: expected a whole number from 1, got 0",
    ],
    [
      { name: "x", restart: { exponentialDelay: { jitter: 2 } } },
      "restart.exponentialDelay.jitter: expected a number from 0 to 1, got 2",
    ],
    [
      { name: "x", restart: { exponentialDelay: { maxBackoff: 10 } } },
      "restart.exponentialDelay.maxBackoff: expected a duration such as seconds(1), from 1000 ms to a year, got 10",
    ],
    [{ name: "x", parameters: { a: 1 } }, "parameters.a: expected a string, got 1"],
  ])("names the option and its value: %j", (options, message) => {
    expect(() => define(options)).toThrow(
      expect.objectContaining({ code: "INVALID_PROGRAM", message: expect.stringContaining(message) }),
    );
  });

  it("needs a build function", () => {
    expect(() => define({ name: "x" }, "build")).toThrow('build: expected a function of the environment, got "build"');
  });
});

describe("requireJobDefinition", () => {
  it("takes what defineJob made", () => {
    const definition = defineJob({ name: "quakes" }, nothing);
    expect(requireJobDefinition(definition)).toBe(definition);
  });

  it.each([
    [undefined, "The module has no default export."],
    [{ name: "quakes" }, "The module's default export is no job."],
    [() => 1, "The module's default export is no job."],
  ])("refuses %s", (value, message) => {
    expect(() => requireJobDefinition(value)).toThrow(message);
  });
});
