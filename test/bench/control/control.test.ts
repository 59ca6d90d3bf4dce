import { describe, expect, it } from "vitest";
import { CoreJob, coreInputs } from "../../../bench/control/core/core-job.ts";
import { countDurableWrites } from "../../../bench/control/counts/durable-writes.ts";
import { judge } from "../../../bench/rpc/report/row.ts";

const SUBTASKS = 400;

describe("the core of one JobMaster, as the benchmark drives it", () => {
  it("is built, scheduled, failed over, checkpointed and finished", async () => {
    const job = new CoreJob(coreInputs(SUBTASKS));
    await job.schedule();
    expect(job.status).toBe("RUNNING");
    await job.failover();
    await job.trigger();
    const acknowledgements = job.acknowledgements();
    expect(acknowledgements).toHaveLength(SUBTASKS / 4);
    await expect(job.completed(1)).rejects.toThrow("expected 1 completed checkpoints, got 0");
    for (const acknowledge of acknowledgements) acknowledge();
    await job.completed(1);
    job.finish();
    expect(job.status).toBe("FINISHED");
  });
});

describe("durable writes on the critical path", () => {
  it("are at most two for a submission and two for a checkpoint", async () => {
    const { submission, checkpoint } = await countDurableWrites();
    expect(submission).toBeLessThanOrEqual(2);
    expect(submission).toBeGreaterThan(0);
    expect(checkpoint).toBeLessThanOrEqual(2);
    expect(checkpoint).toBeGreaterThanOrEqual(1);
  });
});

describe("bars of the control plane's rows", () => {
  it.each([
    [{ kind: "ratio at most", atMost: 1.5 }, { value: 3, baseline: 2 }, true, "<= 1.5 x"],
    [{ kind: "ratio at most", atMost: 1.5 }, { value: 3.1, baseline: 2 }, false, "<= 1.5 x"],
    [{ kind: "ratio at most", atMost: 1.5 }, { value: 3, baseline: undefined }, false, "<= 1.5 x"],
    [{ kind: "rate", atLeast: 10 }, { value: 10, baseline: undefined }, true, ">= 10 acks/s"],
    [{ kind: "rate", atLeast: 10 }, { value: 9, baseline: undefined }, false, ">= 10 acks/s"],
    [{ kind: "reported" }, { value: 9, baseline: undefined }, true, "reported"],
    [{ kind: "reported" }, { value: undefined, baseline: undefined }, false, "reported"],
  ] as const)("%j of %j: %s", (bar, measured, pass, text) => {
    expect(judge({ name: "row", unit: "acks/s", bar }, measured)).toMatchObject({ pass, bar: text });
  });
});
