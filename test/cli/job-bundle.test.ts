import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CliException } from "../../src/cli/cli-exception.ts";
import { bundleJob, readInputFile } from "../../src/cli/job-bundle.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function faultOf(promise: Promise<unknown>): Promise<CliException> {
  const fault: unknown = await promise.catch((error: unknown) => error);
  if (fault instanceof CliException) return fault;
  throw new Error("expected a CliException", { cause: fault });
}

describe("bundling a job", () => {
  it("takes in what the job imports, leaves the platform out, and strips types", async () => {
    file("own.ts", "export const name: string = 'quäkes';");
    const job = file(
      "job.ts",
      "import { defineJob } from 'sluice'; import { name } from './own.ts'; export default defineJob({ name }, () => undefined);",
    );
    const bundle = await bundleJob(job);
    expect(bundle.name).toBe("job.js");
    const text = new TextDecoder().decode(bundle.bytes);
    expect(text).toMatch(/from ["']sluice["']/);
    expect(text).toContain("quäkes");
    expect(text).not.toContain(": string");
    expect(text).toMatch(/export \{[^}]*default/);
  });

  it("names file, line and fault", async () => {
    const fault = await faultOf(bundleJob(file("broken.ts", "export default 1;\nconst x = ;\n")));
    expect(fault.message).toMatch(/broken\.ts cannot be bundled: broken\.ts:2: Unexpected ";"/);
    expect(fault.details).toContain("const x = ;");
  });

  it("names an import that is not there", async () => {
    const fault = await faultOf(bundleJob(file("lonely.ts", "import './missing.ts';")));
    expect(fault.message).toContain('Could not resolve "./missing.ts"');
  });

  it("refuses what is no module, and what is not there", async () => {
    expect((await faultOf(bundleJob("job.py"))).message).toBe("job.py: expected a job module (.ts, .mts, .js, .mjs).");
    expect((await faultOf(bundleJob("nothing.ts"))).message).toContain("nothing.ts: there is no such file");
    expect((await faultOf(readInputFile("nothing.ndjson"))).message).toContain("nothing.ndjson: there is no such file");
  });
});
