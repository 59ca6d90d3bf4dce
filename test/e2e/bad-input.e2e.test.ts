import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Platform } from "../harness/platform.ts";

const JOB_ID = "0123456789abcdef0123456789abcdef";

/** A job module with this build function. */
function job(build: string, options = "{ name: 'j' }"): string {
  return `import { CollectSink, CollectionSource, defineJob, types } from "sluice";
    const three = () => CollectionSource.of([1, 2, 3], types.int());
    export default defineJob(${options}, (env) => { ${build} });`;
}
const GOOD = job(`env.fromSource(three(), undefined, "three").sinkTo(CollectSink.named("rows"));`);

describe("bad input is refused with a status, a message that names the fault, and nothing left behind", () => {
  let platform: Platform;
  let goodModule: string;
  beforeAll(async () => {
    platform = await Platform.start();
    goodModule = await platform.client.uploadModule("good.js", new TextEncoder().encode(GOOD));
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  async function request(path: string, init?: RequestInit): Promise<{ status: number; error: string }> {
    const response = await platform.fetch(path, init);
    const body = (await response.json()) as { readonly errors: readonly string[] };
    expect(Object.keys(body)).toEqual(["errors"]);
    return { status: response.status, error: body.errors.join("\n") };
  }

  async function jobsAndModules(): Promise<unknown> {
    const [jobs, jars] = await Promise.all([platform.fetch("/jobs"), platform.fetch("/jars")]);
    return [await jobs.json(), await jars.json()];
  }

  function upload(name: string, text: string | Uint8Array<ArrayBuffer>): Promise<{ status: number; error: string }> {
    const body = new FormData();
    body.append("jarfile", new File([text], name));
    return request("/v1/jars/upload", { method: "POST", body });
  }

  const run = (body: unknown, module = goodModule): Promise<{ status: number; error: string }> =>
    request(`/v1/jars/${module}/run`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });

  it.each([
    ["no module at all", "job.js", "\u0000\u0001\u0002 this is no JavaScript", /could not be loaded/],
    ["a syntax error", "job.js", "export default (", /SyntaxError.*job\.js:1/s],
    ["no default export", "job.js", "export const x = 1;", /default/],
    ["a default export that is no job", "job.js", "export default 42;", /defineJob/],
    ["a top level that throws", "job.js", "throw new Error('on purpose'); export default 1;", /on purpose/],
    ["an import that does not exist", "job.js", "import x from 'left-pad'; export default x;", /left-pad/],
    ["bad options", "job.js", job("", "{ name: '' }"), /name/],
    ["parallelism 0 in the options", "job.js", job("", "{ name: 'j', parallelism: 0 }"), /parallelism.*0/],
    ["parallelism above the maximum", "job.js", job("", "{ name: 'j', parallelism: 129 }"), /parallelism.*129/],
    ["another ending", "job.exe", GOOD, /\.js.*\.mjs/],
    ["a name with path parts", "../../etc/evil.js", GOOD, /name|path/],
  ])("upload: %s", async (_, name, text, message) => {
    const before = await jobsAndModules();
    const { status, error } = await upload(name, text);
    expect([status, error]).toEqual([400, expect.stringMatching(message)]);
    expect(await jobsAndModules()).toEqual(before);
  });

  it("upload: over the size limit", async () => {
    const before = await jobsAndModules();
    const { status, error } = await upload("big.js", new Uint8Array(10 * 1024 * 1024 + 1));
    expect([status, error]).toEqual([413, expect.stringMatching(/limit|max-content-length/)]);
    expect(await jobsAndModules()).toEqual(before);
  });

  it.each([
    ["a build function that throws", job("throw new Error('broken graph');"), /broken graph/],
    ["no sink", job(`env.fromSource(three(), undefined, "three");`), /sink/],
    ["no source", job(""), /source/],
    [
      "a graph that differs from one build to the next",
      job(`env.fromSource(three(), undefined, "three" + Math.random()).sinkTo(CollectSink.named("rows"));`),
      /determinis/,
    ],
    ["a build function that returns a promise", job("return Promise.resolve();"), /promise|async/],
  ])("run: %s", async (_, text, message) => {
    const moduleId = await platform.client.uploadModule("bad.js", new TextEncoder().encode(text));
    const before = await jobsAndModules();
    const { status, error } = await run({}, moduleId);
    expect([status, error]).toEqual([400, expect.stringMatching(message)]);
    expect(await jobsAndModules()).toEqual(before);
  });

  it.each([
    ["parallelism 0", { parallelism: 0 }, /parallelism.*0/s],
    ["parallelism above the maximum", { parallelism: 129 }, /parallelism.*129/s],
    ["parallelism of the wrong type", { parallelism: "four" }, /parallelism.*four/s],
    ["a malformed job id", { jobId: "xyz" }, /jobId.*xyz/s],
    ["a body that is no JSON", "{", /match expected format|JSON/],
    ["a body that is a list", "[]", /match expected format|object/],
  ])("run request: %s", async (_, body, message) => {
    const before = await jobsAndModules();
    const { status, error } = await run(body);
    expect([status, error]).toEqual([400, expect.stringMatching(message)]);
    expect(await jobsAndModules()).toEqual(before);
  });

  it.each([
    ["unknown job", "GET", `/v1/jobs/${JOB_ID}`, 404, /not found/i],
    ["malformed job", "GET", "/v1/jobs/xyz", 400, /jobid.*xyz/],
    ["cancel of an unknown job", "PATCH", `/v1/jobs/${JOB_ID}?mode=cancel`, 404, /could not be found/],
    ["run of an unknown module", "POST", "/v1/jars/nothing_here.js/run", 400, /nothing_here\.js/],
    ["delete of an unknown module", "DELETE", "/v1/jars/nothing_here.js", 400, /nothing_here\.js/],
    ["object key with path parts", "PUT", "/v1/sluice/objects/a%2F..%2Fb", 400, /key/],
    ["unknown route", "POST", "/v1/nothing", 404, /Not found/],
  ])("%s", async (_, method, path, status, message) => {
    const answer = await request(path, { method, ...(method === "GET" ? {} : { body: "{}" }) });
    expect([answer.status, answer.error]).toEqual([status, expect.stringMatching(message)]);
  });
});
