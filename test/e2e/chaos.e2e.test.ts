import { describe, expect, it } from "vitest";
import { CHAOS_JOB, expectedRows, faultOf } from "../chaos/chaos-job.ts";
import { CHAOS_PHASES, chaosPassed, runChaos } from "../chaos/run-chaos.ts";

const KILLS = 3;
const TIMEOUT_MILLIS = 240_000;

describe("chaos", () => {
  // Whoever changes the moments runs `npm run chaos`, which takes all phases many times.
  it("loses no job, doubles none and changes no result in three kills", { timeout: TIMEOUT_MILLIS }, async () => {
    const summary = await runChaos({ kills: KILLS, seed: 7 });
    expect(summary).toMatchObject({ kills: KILLS, jobs: KILLS, lost: 0, doubled: 0, wrong: 0, faults: [] });
    expect(summary.restarts).toBeGreaterThan(0);
    expect(chaosPassed(summary)).toBe(true);
  });

  it("knows every phase, and sees what is wrong with rows", () => {
    const rows = expectedRows();
    expect(CHAOS_JOB).toContain("recordsPerSecond");
    expect(CHAOS_PHASES).toHaveLength(new Set(CHAOS_PHASES).size);
    expect(faultOf(rows, "FINISHED")).toBeUndefined();
    expect(faultOf(rows.slice(1), "FINISHED")).toContain("is missing");
    expect(faultOf(rows.slice(1), "CANCELED")).toBeUndefined();
    expect(faultOf([...rows, rows[0] ?? ""].sort(), "CANCELED")).toContain("came twice");
    expect(faultOf([`${rows[0] ?? ""}0`], "CANCELED")).toContain("is wrong");
  });
});
