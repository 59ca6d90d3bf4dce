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
  it("runs the earthquakes job, killed in its middle, to the rows that SQL gives", async () => {
    using folder = temporaryFolder();
    let host = await start(runtime, folder.path, "--trust-jobs");
    await using _first = host.process;
    let client = new RestClient({ url: host.url });
    await client.putObject("earthquakes.ndjson", readFileSync(EARTHQUAKES_FILE));
    const bundle = await bundleJob(join(ROOT, "examples/earthquakes/job.ts"));
    const jobId = await client.runModule(await client.uploadModule(bundle.name, bundle.bytes), {});
    await job(client, jobId, (info) => info.checkpoints >= 3);
    await host.process.kill();

    host = await start(runtime, folder.path, "--trust-jobs");
    await using _second = host.process;
    client = new RestClient({ url: host.url });
    const end = await job(client, jobId, ({ state }) => state === "FINISHED");
    expect(end.restoredPosition).toBeGreaterThan(0);
    expect(await rowsOf(client, jobId)).toEqual(earthquakeRowsBySql());
    expect(await host.process.interrupt()).toBe(0);
  });

  it("runs no uploaded code unless it is told to trust it", async () => {
    using folder = temporaryFolder();
    const { process, url } = await start(runtime, folder.path);
    await using _stopped = process;
    const client = new RestClient({ url });
    await expect(client.uploadModule("job.js", new TextEncoder().encode("export default 1"))).rejects.toMatchObject({
      status: 403,
      message: expect.stringMatching(/--trust-jobs/),
    });
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
