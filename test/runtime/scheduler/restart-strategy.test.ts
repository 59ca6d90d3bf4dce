import { describe, expect, it } from "vitest";
import type { RestartStrategyConfiguration } from "../../../src/runtime/jobgraph/job-configuration.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import {
  NO_RESTARTS,
  PROGRESS_MILLIS,
  type RestartCounts,
} from "../../../src/runtime/executiongraph/restart-counts.ts";
import { serializeThrowable, type SerializedThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import { decideRestart, MAX_FREE_RESTARTS_WITHOUT_PROGRESS } from "../../../src/runtime/scheduler/restart-strategy.ts";

const FIXED = { kind: "fixed-delay", attempts: 3, delayMillis: 1_000 } as const;
const NOW = 5_000_000;
const decide = (strategy: RestartStrategyConfiguration, restarts: RestartCounts, failure: SerializedThrowable) =>
  decideRestart(strategy, restarts, { failure, nowMillis: NOW });
const FAILURE = serializeThrowable(new Error("boom"));
const INFRASTRUCTURE = serializeThrowable(new Error("object reset"), { infrastructure: true });

describe("restart strategies", () => {
  it.each([0, 1, 2])("FO-15: fixed-delay restarts failure %i of three after its delay", (charged) => {
    expect(decide(FIXED, { ...NO_RESTARTS, total: charged, charged }, FAILURE)).toEqual({
      kind: "restart",
      delayMillis: 1_000,
      charged: true,
    });
  });

  it("FO-15: and not the fourth", () => {
    expect(decide(FIXED, { ...NO_RESTARTS, total: 3, charged: 3 }, FAILURE).kind).toBe("fail");
  });

  it("none restarts nothing but what the infrastructure caused", () => {
    expect(decide({ kind: "none" }, NO_RESTARTS, FAILURE).kind).toBe("fail");
    expect(decide({ kind: "none" }, NO_RESTARTS, INFRASTRUCTURE)).toMatchObject({
      kind: "restart",
      charged: false,
    });
  });

  it("a broken channel is the loss of its other end", () => {
    const broken = serializeThrowable(new SluiceException("PARTITION_CONNECTION", "channel lost"));
    expect(decide(FIXED, NO_RESTARTS, broken)).toMatchObject({ kind: "restart", charged: false });
  });

  it("the infrastructure's restarts are free even with the budget used up, but not without end", () => {
    const spent = { total: 3, charged: 3, freeWithoutProgress: 0, lastMillis: NOW };
    expect(decide(FIXED, spent, INFRASTRUCTURE)).toMatchObject({ kind: "restart", charged: false });
    const stuck = { ...spent, freeWithoutProgress: MAX_FREE_RESTARTS_WITHOUT_PROGRESS };
    expect(decide(FIXED, stuck, INFRASTRUCTURE).kind).toBe("fail");
    // Ten minutes of life are progress, for a job without checkpoints too.
    const after = (millis: number) =>
      decideRestart(FIXED, stuck, { failure: INFRASTRUCTURE, nowMillis: NOW + millis }).kind;
    expect(after(PROGRESS_MILLIS - 1)).toBe("fail");
    expect(after(PROGRESS_MILLIS)).toBe("restart");
    const withBudget = { ...stuck, charged: 0 };
    expect(decide(FIXED, withBudget, INFRASTRUCTURE)).toMatchObject({ kind: "restart", charged: true });
  });

  it("FO-12, FO-13: the refusal names who refused and keeps the cause's stack", () => {
    const refused = decide(FIXED, { ...NO_RESTARTS, charged: 3 }, FAILURE);
    expect(refused).toMatchObject({
      failure: { code: "JOB_EXECUTION", message: expect.stringContaining("fixed-delay") },
    });
    const fatal = decide(FIXED, NO_RESTARTS, { ...FAILURE, nonRecoverable: true });
    expect(fatal).toMatchObject({ kind: "fail", failure: { stack: expect.stringContaining(FAILURE.stack) } });
  });
});
