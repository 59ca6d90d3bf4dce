import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { EARTHQUAKES_FILE, earthquakeRowsBySql } from "../harness/earthquake-rows.ts";
import { ROOT } from "../harness/platform.ts";

const RECORDS = readFileSync(EARTHQUAKES_FILE, "utf8").trimEnd().split("\n").length;
const TIMEOUT_MILLIS = 180_000;

interface DemoResult {
  readonly job: {
    readonly state: string;
    readonly restarts: number;
    readonly restoredCheckpointId: number | null;
    readonly restoredPosition: number | null;
    readonly checkpoints: number;
    readonly recordsIn: number;
  };
  readonly rows: readonly unknown[];
}

/** Runs the README's command and reads its only output. */
async function demo(...flags: readonly string[]): Promise<DemoResult> {
  const { stdout } = await promisify(execFile)("npm", ["run", "--silent", "demo", "--", "--json", ...flags], {
    cwd: ROOT,
    timeout: TIMEOUT_MILLIS,
  });
  return JSON.parse(stdout) as DemoResult;
}

describe("npm run demo", () => {
  it("gives the rows that SQL gives over the same file", { timeout: TIMEOUT_MILLIS }, async () => {
    const { job, rows } = await demo();
    expect(rows).toEqual(earthquakeRowsBySql());
    expect(job).toMatchObject({ state: "FINISHED", restarts: 0, restoredCheckpointId: null, recordsIn: RECORDS });
    expect(job.checkpoints).toBeGreaterThan(1);
  });

  it("gives the same rows when the process is killed in the middle", { timeout: TIMEOUT_MILLIS }, async () => {
    const { job, rows } = await demo("--kill");
    expect(rows).toEqual(earthquakeRowsBySql());
    expect(job.state).toBe("FINISHED");
    expect(job.restoredCheckpointId).toBeGreaterThan(0);
    expect(job.restoredPosition).toBeGreaterThan(0);
    expect(job.restoredPosition).toBeLessThan(RECORDS);
  });
});
