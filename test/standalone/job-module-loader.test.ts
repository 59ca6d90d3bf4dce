import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { systemIds } from "../../src/common/ids.ts";
import { InProcessJobModules, REFUSED_JOB_MODULES } from "../../src/entrypoint/standalone/in-process-job-modules.ts";
import { JobModuleLoader } from "../../src/entrypoint/standalone/job-module-loader.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const JOB = `
import { defineJob } from "sluice";
import * as runtime from 'sluice';
let loaded = 0;
loaded += 1;
export default defineJob({ name: "loaded " + loaded + " times, sluice is " + typeof runtime.defineJob }, () => {});
`;

describe("a job's module in this process", () => {
  it("gets the runtime as the module sluice, and is a fresh instance each time", async () => {
    using folder = temporaryFolder();
    const modules = new InProcessJobModules(new JobModuleLoader(folder.path, systemIds));
    for (let time = 0; time < 2; time += 1) {
      expect(await modules.inspect(JOB, "job.js")).toEqual({ jobName: "loaded 1 times, sluice is function" });
    }
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it.each([
    ["does not parse", "export default (", /^job\.js: the module could not be loaded/],
    ["throws", "throw new Error('at the top')", /^job\.js: the module could not be loaded: at the top$/],
    [
      "imports what is not there",
      "import 'node:nothing'; export default 1",
      /^job\.js: the module could not be loaded/,
    ],
    ["has no job", "export default 1", /default export is no job/],
    ["has no default export", "export const job = 1", /no default export/],
  ])("that %s is refused by name", async (_what, text, message) => {
    using folder = temporaryFolder();
    const modules = new InProcessJobModules(new JobModuleLoader(folder.path, systemIds));
    const loading = modules.inspect(text, "job.js");
    await expect(loading).rejects.toMatchObject({ code: "INVALID_PROGRAM", message: expect.stringMatching(message) });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it("is not looked at by a host that trusts nobody", async () => {
    await expect(REFUSED_JOB_MODULES.inspect(JOB, "job.js")).rejects.toMatchObject({ status: 403 });
  });
});
