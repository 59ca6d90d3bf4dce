import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bundleJob } from "../../src/cli/job-bundle.ts";
import { RestClient } from "../../src/client/rest-client.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";
import { EARTHQUAKES_FILE, earthquakeRowsBySql } from "../harness/earthquake-rows.ts";
import type { EarthquakeRow } from "../harness/earthquake-rows.ts";
import { ROOT, until } from "../harness/platform.ts";
import { RuntimeProcess, RUNTIMES } from "../harness/runtime-process.ts";
import type { Runtime } from "../harness/runtime-process.ts";

const SCRIPT = "src/entrypoint/standalone/main.ts";

describe.each(RUNTIMES)("the standalone host under $name", (runtime) => {
  const trust = runtime.name === "Deno" ? [] : ["--trust-jobs"];

  it("runs the earthquakes job, killed in its middle, to the rows that SQL gives", async () => {
    using folder = temporaryFolder();
    let host = await start(runtime, folder.path, ...trust);
    await using _first = host.process;
    let client = new RestClient({ url: host.url });
    await client.putObject("earthquakes.ndjson", readFileSync(EARTHQUAKES_FILE));
    const bundle = await bundleJob(join(ROOT, "examples/earthquakes/job.ts"));
    const jobId = await client.runModule(await client.uploadModule(bundle.name, bundle.bytes), {});
    await job(client, jobId, (info) => info.checkpoints >= 3);
    await host.process.kill();

    host = await start(runtime, folder.path, ...trust);
    await using _second = host.process;
    client = new RestClient({ url: host.url });
    const end = await job(client, jobId, ({ state }) => state === "FINISHED");
    expect(end.restoredPosition).toBeGreaterThan(0);
    expect(await rowsOf(client, jobId)).toEqual(earthquakeRowsBySql());
    expect(await host.process.interrupt()).toBe(0);
  });

  it("says what is wrong with its options, and what they are", async () => {
    await using wrong = new RuntimeProcess(runtime, SCRIPT, ["--port", "eighty"]);
    await expect(wrong.finished()).rejects.toThrow(
      /exit code 2:\n--port: expected an integer from 0 to 65535, got "eighty"/,
    );
    await using help = new RuntimeProcess(runtime, SCRIPT, ["--help"]);
    expect(await help.finished()).toMatch(/One process, no replication\.\n[^]*--trust-jobs/);
  });
});

it.each(RUNTIMES.filter(({ name }) => name !== "Deno"))(
  "the standalone host under $name, which has no sandbox, runs no uploaded code unless it is told to trust it",
  async (runtime) => {
    using folder = temporaryFolder();
    const { process, url } = await start(runtime, folder.path);
    await using _stopped = process;
    const client = new RestClient({ url });
    await expect(client.uploadModule("job.js", new TextEncoder().encode("export default 1"))).rejects.toMatchObject({
      status: 403,
      message: expect.stringMatching(/--trust-jobs/),
    });
  },
);

/** Starts every attempt at its first record and says with the last one what came of them. */
const PROBES = `
import { CollectSink, DatagenSource, defineJob, seconds, types } from "sluice";
const found = {};
function tryTo(name, attempt) {
  found[name] = "nothing came of it";
  Promise.resolve().then(attempt).then((value) => { found[name] = "reached: " + String(value); }, (error) => { found[name] = "refused: " + error.message; });
}
function probe(index) {
  if (index === 0) {
    Promise.reject(new Error("a rejection that nobody handles ends no task"));
    tryTo("file", async () => (await import("node:fs")).readFileSync("/etc/hostname"));
    tryTo("own state", () => Deno.readDirSync("."));
    tryTo("write", () => Deno.writeTextFileSync("/tmp/sluice-escaped", "x"));
    tryTo("environment", () => Deno.env.toObject());
    tryTo("process environment", () => globalThis.process.env.PATH);
    tryTo("network", () => fetch("http://127.0.0.1:9/"));
    tryTo("socket", () => Deno.connect({ hostname: "127.0.0.1", port: 9 }));
    tryTo("remote module", () => import("https://" + "deno.land/x/none.ts"));
    tryTo("package", () => import("npm:" + "is-even"));
    tryTo("local module", () => import("file:///etc/hostname"));
    tryTo("process", () => new Deno.Command("ls").outputSync());
    tryTo("native code", () => Deno.dlopen("/lib/x.so", {}));
    tryTo("more rights", () => new Worker("data:text/javascript,0", { type: "module", deno: { permissions: { read: true } } }));
    tryTo("parent", () => { if (Deno.kill(globalThis.process.ppid, "SIGCONT") === undefined) return "signalled"; });
    tryTo("host's port", () => { const original = MessagePort.prototype.postMessage; let port; MessagePort.prototype.postMessage = function (...message) { port = this; return original.apply(this, message); }; return new Promise((done, failed) => setTimeout(() => port === undefined ? failed(new Error("not seen")) : done(port), 1000)); });
  }
  return JSON.stringify(found);
}
export default defineJob({ name: "probes", parallelism: 1, checkpointing: { interval: seconds(1) } }, (env) => {
  env.fromSource(DatagenSource.of({ type: types.int(), generate: (index) => index, count: 12, recordsPerSecond: 6 }), undefined, "ticks")
    .map(probe).returns(types.string()).sinkTo(CollectSink.named("probes"));
});`;

describe("the sandbox of uploaded jobs under Deno", () => {
  const deno = RUNTIMES.filter(({ name }) => name === "Deno");

  it.each(deno)("lets user code reach nothing", async (runtime) => {
    using folder = temporaryFolder();
    const { process, url } = await start(runtime, folder.path);
    await using _stopped = process;
    const client = new RestClient({ url });
    const jobId = await client.runModule(await client.uploadModule("job.js", new TextEncoder().encode(PROBES)), {});
    expect(await job(client, jobId, ({ state }) => state === "FINISHED")).toMatchObject({ restarts: 0 });
    let last = "{}";
    for await (const line of client.jobResults(jobId, { follow: false })) last = JSON.parse(line) as string;
    const outcomes = Object.entries(JSON.parse(last) as Record<string, string>);
    expect(outcomes).toHaveLength(15);
    expect(outcomes.filter(([, outcome]) => !outcome.startsWith("refused:"))).toEqual([]);
  });

  it.each(deno)("goes on serving while a job loops for ever, and refuses a module that does", async (runtime) => {
    using folder = temporaryFolder();
    const { process, url } = await start(runtime, folder.path);
    await using _stopped = process;
    const client = new RestClient({ url });
    const upload = (text: string): Promise<string> => client.uploadModule("job.js", new TextEncoder().encode(text));
    const looping = await client.runModule(await upload(PROBES.replace("if (index === 0)", "for (;;);")), {});
    await job(client, looping, ({ state }) => state === "RUNNING");
    const refused = upload("for (;;);").catch((error: unknown) => error);
    const other = await client.runModule(await upload(PROBES), {});
    await job(client, other, ({ state }) => state === "FINISHED");
    expect(await refused).toMatchObject({ status: 400, message: expect.stringMatching(/did not come to its end/) });
  });
});

async function start(
  runtime: Runtime,
  folder: string,
  ...options: readonly string[]
): Promise<{ readonly process: RuntimeProcess; readonly url: string }> {
  const process = new RuntimeProcess(runtime, SCRIPT, ["--port", "0", "--data", folder, ...options]);
  return { process, url: await process.printed(/http:[^\s,]+/) };
}

function job(client: RestClient, jobId: string, holds: (info: SluiceJobInfo) => boolean): Promise<SluiceJobInfo> {
  return until(() => client.requestJob(jobId), holds, `job ${jobId}`);
}

async function rowsOf(client: RestClient, jobId: string): Promise<readonly EarthquakeRow[]> {
  const rows: (Omit<EarthquakeRow, "window_start" | "window_end"> & Record<"window_start" | "window_end", number>)[] =
    [];
  // The job's own rows.
  for await (const line of client.jobResults(jobId, { follow: false }))
    rows.push(JSON.parse(line) as (typeof rows)[number]);
  return rows
    .toSorted((left, right) => left.window_start - right.window_start || (left.net < right.net ? -1 : 1))
    .map((row) => ({
      ...row,
      window_start: new Date(row.window_start).toISOString(),
      window_end: new Date(row.window_end).toISOString(),
    }));
}

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sluice-standalone-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
