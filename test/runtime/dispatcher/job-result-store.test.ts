import { describe, expect, it } from "vitest";
import type { Epoch } from "../../../src/rpc/fencing/epoch.ts";
import { initializingJob } from "../../../src/runtime/dispatcher/job-pictures.ts";
import { JobResultStore, RESULT_EXPIRATION_MILLIS } from "../../../src/runtime/dispatcher/job-result-store.ts";
import type { JobMasterId } from "../../../src/runtime/jobmaster/job-master-id.ts";
import type { ExecutionGraphInfo } from "../../../src/runtime/messages/execution-graph-info.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";
import { MapStorage } from "../map-storage.ts";

const MASTER = 1 as Epoch as JobMasterId;

function info(number: number): ExecutionGraphInfo {
  const graph = testingJobGraph({ number });
  const { jobId, name } = graph;
  return {
    ...initializingJob(
      {
        jobId,
        name,
        submittedMillis: 0,
        requestHash: "",
        started: true,
        cancelRequested: false,
        slots: 1,
        quotas: { stateBytes: 1 },
      },
      graph,
    ),
    status: "FINISHED",
  };
}

function setUp(): { readonly store: JobResultStore; pass(millis: number): void } {
  let now = 0;
  return { store: new JobResultStore(new MapStorage(), () => now), pass: (millis) => void (now += millis) };
}

describe("JobResultStore (HA-09)", () => {
  it("refuses a second dirty result, and one after a clean one", () => {
    const { store } = setUp();
    store.createDirty(info(1), MASTER);
    expect(() => store.createDirty(info(1), MASTER)).toThrow("has a result already");
    store.markClean(info(1).jobId);
    expect(() => store.createDirty(info(1), MASTER)).toThrow("has a result already");
  });

  it("takes clean twice, but not of an unknown job", () => {
    const { store } = setUp();
    expect(() => store.markClean(info(1).jobId)).toThrow("has no result");
    store.createDirty(info(1), MASTER);
    store.markClean(info(1).jobId);
    store.markClean(info(1).jobId);
    expect(store.get(info(1).jobId)?.state).toBe("clean");
  });

  it("has dirty and clean results, and lists the dirty ones only", () => {
    const { store } = setUp();
    store.createDirty(info(1), MASTER);
    store.createDirty(info(2), MASTER);
    store.markClean(info(1).jobId);
    expect([info(1), info(2), info(3)].map(({ jobId }) => store.has(jobId))).toEqual([true, true, false]);
    expect(store.dirty()).toEqual([info(2).jobId]);
    expect(store.getInfo(info(1).jobId)).toEqual(info(1));
  });

  it("lets clean results expire, never dirty ones", () => {
    const { store, pass } = setUp();
    store.createDirty(info(1), MASTER);
    store.createDirty(info(2), MASTER);
    store.markClean(info(1).jobId);
    pass(RESULT_EXPIRATION_MILLIS - 1);
    expect(store.has(info(1).jobId)).toBe(true);
    pass(1);
    expect(store.has(info(1).jobId)).toBe(false);
    expect(store.expired()).toEqual([info(1).jobId]);
    expect(store.has(info(2).jobId)).toBe(true);
  });
});
