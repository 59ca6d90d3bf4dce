import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import earthquakes from "../../../examples/earthquakes/job.ts";
import { brandId } from "../../../src/common/ids.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { isGloballyTerminal } from "../../../src/runtime/messages/job-status.ts";
import { requireJobDefinition } from "../../../src/streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../../src/streaming/graph/job-graph-generator.ts";
import { readCommitted } from "../../../src/streaming/sink/committed-reader.ts";
import { InProcessTaskHosts } from "../../../src/testing/in-process-task-hosts.ts";
import { MiniCluster } from "../../../src/testing/mini-cluster.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { EARTHQUAKES_FILE, earthquakeRowsBySql } from "../../harness/earthquake-rows.ts";
import type { EarthquakeRow } from "../../harness/earthquake-rows.ts";

const SECOND = 1_000;
const JOB_ID = brandId<JobID>("7".repeat(32));
const definition = requireJobDefinition(earthquakes);

/** A row as the job's sink writes it; its shape is what the comparison with SQL checks. */
type CollectedRow = Omit<EarthquakeRow, "window_start" | "window_end"> & {
  readonly window_start: number;
  readonly window_end: number;
};

function asPrinted({ window_start, window_end, ...row }: CollectedRow): EarthquakeRow {
  return { ...row, window_start: new Date(window_start).toISOString(), window_end: new Date(window_end).toISOString() };
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Runs the main job on the real data plane, `disturb` being called every half second of virtual time. */
async function rowsOf(disturb: (cluster: MiniCluster, halfSeconds: number) => unknown): Promise<{
  readonly rows: readonly EarthquakeRow[];
  readonly remoteRecords: number;
  readonly restoredPosition: number;
  readonly restarts: number;
}> {
  const cluster = new MiniCluster({
    hosts: (clock, objects) => new InProcessTaskHosts({ clock, objects, definitionOf: () => definition }),
  });
  try {
    await cluster.objects.put("v1/default/objects/earthquakes.ndjson", readFileSync(EARTHQUAKES_FILE));
    const { jobGraph } = await generateJobGraph(definition, { jobId: JOB_ID, module: testingJobGraph().module });
    await cluster.resolve(cluster.dispatcher.submitJob({ jobGraph, requestHash: "earthquakes" }));
    let halfSeconds = 0;
    await cluster.until(
      async () => {
        disturb(cluster, halfSeconds);
        halfSeconds += 1;
        return isGloballyTerminal(await cluster.dispatcher.requestJobStatus(JOB_ID));
      },
      { stepMillis: 500, limitMillis: 120 * SECOND },
    );
    const info = await cluster.resolve(cluster.dispatcher.requestJob(JOB_ID));
    expect(info.failure).toBeUndefined();
    const rows: EarthquakeRow[] = [];
    for await (const line of readCommitted(cluster.objects, `v1/default/jobs/${JOB_ID}/results/rows/`)) {
      rows.push(asPrinted(JSON.parse(line) as CollectedRow));
    }
    rows.sort((left, right) => compare(left.window_start, right.window_start) || compare(left.net, right.net));
    const executions = info.vertices.flatMap((vertex) => vertex.executions);
    return {
      rows,
      remoteRecords: executions.reduce((sum, { metrics }) => sum + metrics.remoteRecordsOut, 0),
      restoredPosition: info.checkpoints?.latestRestored?.sourcePosition ?? 0,
      restarts: info.restarts,
    };
  } finally {
    cluster.close();
  }
}

describe("the earthquakes job in a mini cluster", () => {
  it("gives the rows that SQL gives, over an exchange between TaskExecutors", { timeout: 60_000 }, async () => {
    const { rows, remoteRecords, restoredPosition } = await rowsOf(() => undefined);
    expect(rows).toEqual(earthquakeRowsBySql());
    expect(remoteRecords).toBeGreaterThan(0);
    expect(restoredPosition).toBe(0);
  });

  const crashes: readonly (readonly [string, (cluster: MiniCluster, halfSeconds: number) => unknown])[] = [
    ["everything crashes in the middle", (cluster, at) => at === 10 && cluster.killAll()],
    ["its JobMaster crashes again and again", (cluster, at) => at % 9 === 5 && cluster.killAll("job-master")],
    ["its TaskExecutors crash one after the other", (cluster, at) => {
      if (at % 9 === 5) cluster.kill(cluster.addresses("task-executor").at(at % 2) ?? "");
    }],
    ["Dispatcher and ResourceManager crash all the time", (cluster) => {
      cluster.killAll("dispatcher");
      cluster.killAll("resource-manager");
    }],
  ]; // prettier-ignore
  it.each(crashes)("gives the same rows if %s", { timeout: 60_000 }, async (_, disturb) => {
    const { rows } = await rowsOf(disturb);
    expect(rows).toEqual(earthquakeRowsBySql());
  });

  it("over HA-06: is not disturbed if its JobMaster alone crashes", { timeout: 60_000 }, async () => {
    let crashes = 0;
    const { rows, restarts, restoredPosition } = await rowsOf((cluster, at) => {
      if (at < 6 || at % 3 !== 0) return;
      crashes += 1;
      cluster.killAll("job-master");
    });
    expect(rows).toEqual(earthquakeRowsBySql());
    expect(crashes).toBeGreaterThan(3);
    expect({ restarts, restoredPosition }).toEqual({ restarts: 0, restoredPosition: 0 });
  });

  it("goes on from a position between start and end", { timeout: 60_000 }, async () => {
    const { restoredPosition } = await rowsOf((cluster, at) => at === 10 && cluster.killAll());
    expect(restoredPosition).toBeGreaterThan(0);
    expect(restoredPosition).toBeLessThan(1_707);
  });
});
