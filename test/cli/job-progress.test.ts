import { describe, expect, it } from "vitest";
import { formatBar, formatBytes, formatCount, formatMinute, formatSeconds, plural } from "../../src/cli/format.ts";
import { formatProgress, JobProgress } from "../../src/cli/job-progress.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";
import { sluiceJobInfo } from "../../src/rest/view/sluice-job-info.ts";
import { executionGraphInfo, JOB_ID } from "../rest/jobs.ts";
import { NOW } from "../rest/rest-harness.ts";
import { TerminalOutput } from "./terminal-output.ts";

function job(overrides: Partial<SluiceJobInfo> = {}): SluiceJobInfo {
  const info = sluiceJobInfo(executionGraphInfo(JOB_ID), NOW);
  return { ...info, restarts: 0, recordsIn: 912, recordsOut: 84, latestCheckpointId: 7, ...overrides };
}

describe("figures for people", () => {
  it("are short and aligned", () => {
    expect(formatCount(1707)).toBe("1,707");
    expect(formatSeconds(11_420)).toBe("11.4 s");
    expect([870, 3_210, 1_540_000].map(formatBytes)).toEqual(["870 B", "3.2 kB", "1.5 MB"]);
    expect([0, 0.53, 0.999, 1, 2, -1].map(formatBar)).toEqual([
      "[----------]",
      "[#####-----]",
      "[#########-]",
      "[##########]",
      "[##########]",
      "[----------]",
    ]);
    expect(formatMinute("2018-01-31T06:00:00.000Z")).toBe("2018-01-31 06:00");
    expect([plural(0, "restart"), plural(1, "restart")]).toEqual(["0 restarts", "1 restart"]);
  });
});

describe("progress of a job", () => {
  it("is the line of the first screen", () => {
    expect(formatProgress(job(), { elapsed: 6_500, total: 1_707 })).toBe(
      "  job aaaaaa…  RUNNING    tasks 8/8   in 912  out 84   checkpoint 7   [#####-----]  6 s",
    );
  });

  it("has no bar where the end is unknown, and tells restarts", () => {
    expect(formatProgress(job({ latestCheckpointId: null, restarts: 2 }), { elapsed: 0, total: undefined })).toBe(
      "  job aaaaaa…  RUNNING    tasks 8/8   in 912  out 84   checkpoint -   restarts 2   0 s",
    );
  });

  it("without a screen prints one line for all the time in which the job sleeps", () => {
    const output = new TerminalOutput();
    const progress = new JobProgress(output.terminal);
    progress.show(job(), 0);
    for (let elapsed = 250; elapsed <= 9_000; elapsed += 250) progress.show(job({ quiescent: true }), elapsed);
    progress.show(job(), 9_100);
    expect(output.lines.map((line) => line.trim().split(/ {2,}/).slice(-2))).toEqual([
      ["checkpoint 7", "0 s"],
      ["asleep", "0 s"],
      ["checkpoint 7", "9 s"],
    ]);
  });

  it("without a screen prints a line per state, and every two seconds", () => {
    const output = new TerminalOutput();
    const progress = new JobProgress(output.terminal, 1_707);
    progress.show(job({ state: "CREATED" }), 0);
    progress.show(job(), 100);
    for (let elapsed = 350; elapsed <= 4_500; elapsed += 250) progress.show(job(), elapsed);
    progress.show(job({ state: "FINISHED", tasksRunning: 0 }), 4_600);
    expect(output.lines.map((line) => line.trim().split(/ {2,}/))).toMatchObject([
      { 1: "CREATED" },
      { 1: "RUNNING" },
      { 1: "RUNNING" },
      { 1: "RUNNING" },
      { 1: "FINISHED", 2: "tasks 8/8" },
    ]);
  });

  it("on a screen redraws one line", () => {
    const output = new TerminalOutput(true);
    const progress = new JobProgress(output.terminal);
    progress.show(job(), 0);
    progress.show(job(), 250);
    expect(output.lines).toEqual([]);
  });
});
