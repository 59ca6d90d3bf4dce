import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ROOT } from "../harness/platform.ts";

it("npx wrangler deploy --dry-run accepts the committed configuration", async () => {
  const { stdout } = await promisify(execFile)("npx", ["wrangler", "deploy", "--dry-run"], { cwd: ROOT });
  expect(stdout).toContain("--dry-run: exiting now.");
  for (const binding of ["DISPATCHER", "RESOURCE_MANAGER", "JOB_MASTER", "TASK_EXECUTOR", "OBJECTS", "LOADER"]) {
    expect(stdout).toContain(`env.${binding} `);
  }
});
