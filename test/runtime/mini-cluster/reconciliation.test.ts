import { describe, expect, it } from "vitest";
import type { JobID } from "../../../src/common/ids.ts";
import type { ExecutionGraphInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import { ScriptedCluster, SECOND } from "./mini-cluster-harness.ts";

const info = ({ cluster, dispatcher }: ScriptedCluster, jobId: JobID): Promise<ExecutionGraphInfo> =>
  cluster.resolve(dispatcher.requestJob(jobId));

const attemptsOf = ({ vertices }: ExecutionGraphInfo): readonly string[] =>
  vertices.flatMap(({ executions }) => executions.map(({ attemptId }) => attemptId));

const statesOf = ({ vertices }: ExecutionGraphInfo): ReadonlySet<string> =>
  new Set(vertices.flatMap(({ executions }) => executions.map(({ state }) => state)));

describe("a JobMaster that alone loses its memory", () => {
  it("over HA-06: finds its tasks and lets them run, however often; checkpoints go on", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const { cluster } = scripted;
    const jobId = await scripted.submit();
    await cluster.clock.advance(5 * SECOND);
    const before = await info(scripted, jobId);
    expect(statesOf(before)).toEqual(new Set(["RUNNING"]));
    for (let loss = 1; loss <= 12; loss += 1) {
      cluster.killAll("job-master");
      await cluster.clock.advance(20 * SECOND);
    }
    const after = await info(scripted, jobId);
    expect(after).toMatchObject({ status: "RUNNING", restarts: 0, exceptionHistory: [] });
    expect(statesOf(after)).toEqual(new Set(["RUNNING"]));
    expect(attemptsOf(after)).toEqual(attemptsOf(before));
    expect(after.checkpoints?.counts.restored).toBe(0);
    expect(after.checkpoints?.counts.completed).toBeGreaterThan((before.checkpoints?.counts.completed ?? 0) + 60);
    scripted.hosts.script.bounded = true;
    expect(await scripted.end(jobId)).toBe("FINISHED");
    await cluster.clock.advance(120 * SECOND);
    expect(await scripted.leftovers()).toEqual([]);
  });

  it("hears of data that ended while it was away, and finishes", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const { cluster } = scripted;
    const jobId = await scripted.submit({ configuration: { restartStrategy: { kind: "none" } } });
    await cluster.clock.advance(5 * SECOND);
    scripted.hosts.script.bounded = true;
    cluster.killAll("job-master");
    expect(await scripted.end(jobId)).toBe("FINISHED");
    expect((await info(scripted, jobId)).restarts).toBe(0);
  });

  it("restarts them if a TaskExecutor was lost with it, free of charge", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const { cluster } = scripted;
    const jobId = await scripted.submit({ configuration: { restartStrategy: { kind: "none" } } });
    await cluster.clock.advance(5 * SECOND);
    const before = await info(scripted, jobId);
    cluster.kill(cluster.addresses("task-executor")[0] ?? "");
    cluster.killAll("job-master");
    await cluster.clock.advance(20 * SECOND);
    const after = await info(scripted, jobId);
    expect(after).toMatchObject({ status: "RUNNING", restarts: 1 });
    expect(statesOf(after)).toEqual(new Set(["RUNNING"]));
    expect(attemptsOf(after).some((attemptId) => attemptsOf(before).includes(attemptId))).toBe(false);
    expect(after.checkpoints?.counts.restored).toBe(1);
  });
});
