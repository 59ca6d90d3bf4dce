import { describe, expect, it } from "vitest";
import { brandId } from "../../src/common/ids.ts";
import type { JobID } from "../../src/common/ids.ts";
import {
  clusterName,
  clusterOf,
  dispatcherAddress,
  formatObjectName,
  isClusterName,
  jobMasterAddress,
  parseObjectName,
  resourceManagerAddress,
  taskExecutorAddress,
  taskExecutorResourceId,
} from "../../src/runtime/object-name.ts";

const JOB = brandId<JobID>("7c0d4a".padEnd(32, "0"));

describe("object names", () => {
  it("are v1/<jurisdiction>/<cluster>/<kind>/<id>", () => {
    const cluster = clusterName();
    expect(dispatcherAddress(cluster)).toBe("v1/-/default/dispatcher/dispatcher");
    expect(resourceManagerAddress(cluster)).toBe("v1/-/default/resource-manager/resource-manager");
    expect(jobMasterAddress(cluster, JOB)).toBe(`v1/-/default/job-master/${JOB}`);
    expect(taskExecutorAddress({ jurisdiction: "eu", cluster: "team-1" }, taskExecutorResourceId(JOB, 3))).toBe(
      `v1/eu/team-1/task-executor/${JOB}-te-3`,
    );
  });

  it("are read back as they were written", () => {
    const name = {
      jurisdiction: "eu",
      cluster: "team-1",
      kind: "task-executor",
      id: taskExecutorResourceId(JOB, 3),
    } as const;
    expect(parseObjectName(formatObjectName(name))).toEqual(name);
    expect(clusterOf(formatObjectName(name))).toEqual({ jurisdiction: "eu", cluster: "team-1" });
  });

  it.each(["", "v2/-/default/dispatcher/dispatcher", "v1/-/default/unknown/x", "v1/-/default/dispatcher", "v1/-/a b/dispatcher/x",
    "v1/-/default/dispatcher/x/y", "v1/-//dispatcher/x", "v1/-/../dispatcher/x"])("refuse %j", (text) => {
    expect(parseObjectName(text)).toBeUndefined();
  }); // prettier-ignore

  it("refuse clusters that could name something else", () => {
    expect(isClusterName("team_1-a")).toBe(true);
    for (const text of ["", "-", "a/b", "..", "a b", "x".repeat(101)]) expect(isClusterName(text)).toBe(false);
    expect(() => dispatcherAddress(clusterName("a/b"))).toThrow("object name");
  });
});
