import { describe, expect, it } from "vitest";
import { CHECKPOINT_DEFAULTS } from "../../../src/runtime/jobgraph/job-configuration.ts";
import type { JobSubmission } from "../../../src/runtime/messages/job-submission.ts";
import type { EndpointKind } from "../../../src/runtime/object-name.ts";
import type { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingSubmission } from "../../../src/testing/testing-job-graph.ts";
import { ScriptedCluster, SECOND } from "./mini-cluster-harness.ts";

/** A cluster in which `crash` happens once, right after its `point`th message was sent. */
function crashingAt(point: number, crash: (cluster: MiniCluster) => void): ScriptedCluster {
  let crashed = false;
  const scripted: ScriptedCluster = new ScriptedCluster(
    {},
    {
      intercept: () => {
        if (!crashed && scripted.cluster.trace.length === point) {
          crashed = true;
          queueMicrotask(() => crash(scripted.cluster));
        }
        return "deliver";
      },
    },
  );
  return scripted;
}

/** No restart is granted, so a crash that is charged to the job ends it. */
const SUBMISSION = testingSubmission({ configuration: { restartStrategy: { kind: "none" } } });

/** A lost acknowledgement fails its checkpoint, and that the job, as in Flink. */
const SUBMISSION_WITH_RESTARTS = testingSubmission({
  configuration: { checkpointing: { ...CHECKPOINT_DEFAULTS, intervalMillis: SECOND, timeoutMillis: 30 * SECOND } },
});

/** Submits as a client does that sends the same request again until it is answered. */
async function submitUntilAnswered({ cluster, dispatcher }: ScriptedCluster, submission: JobSubmission): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      await cluster.resolve(dispatcher.submitJob(submission));
      return;
    } catch {
      await cluster.clock.advance(SECOND);
    }
  }
  throw new Error("the submission was not answered in 20 attempts");
}

async function messagesWithoutCrash(): Promise<number> {
  using scripted = new ScriptedCluster();
  await scripted.end(await scripted.submit(), 100);
  await scripted.cluster.clock.advance(2 * SECOND);
  return scripted.cluster.trace.length;
}

async function expectGoodEnd(scripted: ScriptedCluster, point: number, submission = SUBMISSION): Promise<void> {
  const { jobId } = submission.jobGraph;
  await submitUntilAnswered(scripted, submission);
  expect(await scripted.end(jobId), `fault at message ${point}`).toBe("FINISHED");
  await scripted.cluster.clock.advance(120 * SECOND);
  expect(await scripted.leftovers(), `left behind by the fault at message ${point}`).toEqual([]);
}

const KINDS: readonly EndpointKind[] = ["dispatcher", "resource-manager", "job-master", "task-executor"];

describe("a job whose cluster crashes", () => {
  it.each(KINDS)("ends well wherever its %s loses its memory", { timeout: 60_000 }, async (kind) => {
    const messages = await messagesWithoutCrash();
    for (let point = 1; point < messages; point += 1) {
      using scripted = crashingAt(point, (cluster) => cluster.killAll(kind));
      await expectGoodEnd(scripted, point);
    }
  });

  it("ends well wherever all its endpoints are lost at once", { timeout: 60_000 }, async () => {
    const messages = await messagesWithoutCrash();
    for (let point = 2; point < messages; point += 1) {
      using scripted = crashingAt(point, (cluster) => cluster.killAll());
      await expectGoodEnd(scripted, point);
    }
  });

  it("is taken up from its last checkpoint by alarms alone, nobody calling", async () => {
    using scripted = new ScriptedCluster({ bounded: false });
    const { cluster, hosts, dispatcher } = scripted;
    const jobId = await scripted.submit({ configuration: { restartStrategy: { kind: "none" } } });
    await cluster.clock.advance(5 * SECOND);
    cluster.killAll();
    hosts.script.bounded = true;
    const asked = cluster.trace.filter(({ caller }) => caller === "client").length;
    await cluster.clock.advance(30 * SECOND);
    expect(cluster.trace.filter(({ caller }) => caller === "client")).toHaveLength(asked);
    const info = await cluster.resolve(dispatcher.requestJob(jobId));
    expect(info.status).toBe("FINISHED");
    expect(info.checkpoints?.latestRestored?.checkpointId).toBeGreaterThan(2);
    expect(info.statusTimestamps.FINISHED - cluster.clock.now()).toBeLessThan(-10 * SECOND);
  });

  it.each(["lose-request", "lose-reply"] as const)(
    "ends well whichever single message is lost (%s)",
    { timeout: 60_000 },
    async (fate) => {
      const messages = await messagesWithoutCrash();
      for (let point = 1; point < messages; point += 1) {
        let lost = false;
        using scripted: ScriptedCluster = new ScriptedCluster(
          {},
          {
            intercept: ({ caller }) => {
              if (lost || caller === "client" || scripted.cluster.trace.length < point) return "deliver";
              lost = true;
              return fate;
            },
          },
        );
        await expectGoodEnd(scripted, point, SUBMISSION_WITH_RESTARTS);
      }
    },
  );
});
