import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/common/clock.ts";
import { systemIds } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import { namespacesOf } from "../../src/entrypoint/durable-object.ts";
import { DurableObjectRpcService } from "../../src/transport/durable-object/durable-object-rpc-service.ts";
import { JobGateway } from "../fixtures/rpc/walk-through.ts";
import type { JobView, WalkThroughEnvironment } from "../fixtures/rpc/walk-through.ts";

/** All three maps have finished, and checkpoint 42 is of what still ran then. */
const EVERY_EFFECT: JobView = {
  running: ["source-0", "sink-0"],
  checkpoint: { id: 42, asked: ["source-0", "sink-0"] },
};

describe("a task reports FINISHED, checkpoint 42 is triggered, a REST query reads, all three queued at once", () => {
  it("on endpoints each sees the whole effect of the ones before", async () => {
    const service = new DurableObjectRpcService({
      namespaceOf: namespacesOf(env),
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
    });
    const job = service.gateway(JobGateway, `v1/-/walk/walk-through-job/${systemIds.hex()}`);
    const [, , seen] = await Promise.all([job.vertexFinished("map"), job.triggerCheckpoint(42), job.requestJob()]);
    expect(seen).toEqual(EVERY_EFFECT);
    expect(await job.requestJob()).toEqual(EVERY_EFFECT);
  });

  it("on a bare Durable Object with an await in the loop they see each other half done", async () => {
    // The bindings are those of test/workerd/wrangler.toml.
    const job = (env as unknown as WalkThroughEnvironment).BARE_JOB.getByName(systemIds.hex());
    const [, , seen] = await Promise.all([job.vertexFinished("map"), job.triggerCheckpoint(42), job.requestJob()]);
    // The query ran before the vertex had finished and before the checkpoint it was queued behind.
    expect(seen).not.toEqual(EVERY_EFFECT);
    expect(seen.running).toContain("map-2");
    expect(seen.checkpoint).toBeNull();
    // And the damage stays: the graph is right by now, but the checkpoint waits for a subtask that has long finished,
    // or was made of a graph that never was.
    const after = await job.requestJob();
    expect(after.running).toEqual(EVERY_EFFECT.running);
    expect(after.checkpoint?.asked).not.toEqual(EVERY_EFFECT.checkpoint?.asked);
  });
});
