import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { CliException } from "../../src/cli/cli-exception.ts";
import { submit } from "../../src/cli/submit.ts";
import type { SubmitOptions } from "../../src/cli/submit.ts";
import { ACKNOWLEDGE } from "../../src/common/acknowledge.ts";
import type { JobID } from "../../src/common/ids.ts";
import type { ExecutionGraphInfo } from "../../src/runtime/messages/execution-graph-info.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { executionGraphInfo } from "../rest/jobs.ts";
import { InMemoryCluster, NOW, restHarness } from "../rest/rest-harness.ts";
import { TerminalOutput } from "./terminal-output.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-submit-"));
const JOB_FILE = join(folder, "job.ts");
const INPUT_FILE = join(folder, "in.ndjson");
writeFileSync(
  JOB_FILE,
  "import { defineJob } from 'sluice'; export default defineJob({ name: 'j' }, () => undefined);",
);
writeFileSync(INPUT_FILE, "{}\n");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllGlobals();
});

/** A platform in this process that runs jobs in no time, to the end that it is told. */
class Platform {
  readonly cluster = new InMemoryCluster();
  readonly canceled: string[] = [];
  readonly clock = new ManualClock(NOW);
  end: Partial<ExecutionGraphInfo> = { status: "FINISHED" };
  /** Whether its jobs collect rows; else their sinks write elsewhere. */
  collects = true;
  readonly harness = restHarness({
    dispatcher: () => ({
      ...this.cluster.dispatcher,
      requestJob: async (jobId) => executionGraphInfo(jobId, this.end),
      requestJobStatus: async () => this.end.status ?? "RUNNING",
      cancelJob: async (jobId) => {
        this.canceled.push(jobId);
        return ACKNOWLEDGE;
      },
      submitJob: async (submission) => {
        const result = await this.cluster.dispatcher.submitJob(submission);
        if (this.collects) await this.#commit(result.jobId);
        return result;
      },
    }),
  });

  constructor() {
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      const { pathname, search } = new URL(url);
      return this.harness.send(pathname + search, init);
    });
  }

  async #commit(jobId: JobID): Promise<void> {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const results = `v1/default/jobs/${jobId}/results/rows/`;
    await this.harness.objects.put(`${results}part-0`, bytes('{"a":1}\n{"a":2}\n'));
    const manifest = { version: 1, writer: "w", checkpointId: 1, parts: [{ name: "part-0", records: 2, size: 16 }] };
    await this.harness.objects.put(`${results}manifest-0000000000000001-w.json`, bytes(JSON.stringify(manifest)));
  }
}

function command(platform: Platform, overrides: Partial<SubmitOptions> = {}) {
  const out = new TerminalOutput();
  const err = new TerminalOutput();
  const interruption = new AbortController();
  const options: SubmitOptions = {
    url: "http://sluice.test",
    strict: false,
    input: [],
    json: false,
    detach: false,
    ...overrides,
  };
  const context = {
    out: out.terminal,
    err: err.terminal,
    signal: interruption.signal,
    root: folder,
    clock: platform.clock,
    ids: { hex: () => "d".repeat(32) },
    environment: {},
  };
  return { out, err, interruption, run: () => submit(context, JOB_FILE, options) };
}

describe("submit", () => {
  it("uploads input and job, runs it with its options, and prints the committed rows", async () => {
    const platform = new Platform();
    const { out, err, run } = command(platform, { parallelism: 2, input: [{ key: "in/x.ndjson", file: INPUT_FILE }] });
    await run();
    expect(out.text).toBe('{"a":1}\n{"a":2}\n');
    const [submission] = platform.cluster.submitted.values();
    expect(submission?.graph.configuration.parallelism).toBe(2);
    expect((await platform.harness.objects.get("v1/default/objects/in/x.ndjson"))?.size).toBe(3);
    expect(err.text).toContain("✔ input uploaded");
    expect(err.text).toContain("✔ job uploaded");
    expect(err.text).toContain(`job ${submission?.jobId}`);
    expect(err.lines.at(-1)).toMatch(/✔ FINISHED +[\d.]+ s, 2 checkpoints, 1 restart, 2 rows$/);
  });

  it("counts no rows of a job that collects none", async () => {
    const platform = new Platform();
    platform.collects = false;
    const { out, err, run } = command(platform);
    await run();
    expect(out.text).toBe("");
    expect(err.lines.at(-1)).toMatch(/✔ FINISHED +[\d.]+ s, 2 checkpoints, 1 restart$/);
  });

  it("with --json prints one value with job and rows, and nothing else", async () => {
    const { out, err, run } = command(new Platform(), { json: true });
    await run();
    expect(err.text).toBe("");
    expect(out.lines).toHaveLength(1);
    expect(JSON.parse(out.text)).toMatchObject({ job: { state: "FINISHED", restarts: 1 }, rows: [{ a: 1 }, { a: 2 }] });
  });

  it("with --detach prints the id and leaves", async () => {
    const platform = new Platform();
    platform.end = { status: "RUNNING" };
    const { out, run } = command(platform, { detach: true });
    await run();
    expect(out.lines).toEqual([[...platform.cluster.submitted.values()][0]?.jobId]);
  });

  it("of a job that fails is a failure with its reason", async () => {
    const platform = new Platform();
    platform.end = { status: "FAILED", failure: { name: "Error", message: "boom", stack: "" } };
    const { err, run } = command(platform);
    const fault: unknown = await run().catch((error: unknown) => error);
    expect(fault).toMatchObject({
      exitCode: 1,
      message: "The job ended FAILED: Error: boom",
      details: expect.stringMatching(/^Its exceptions: curl http:\/\/sluice\.test\/v1\/jobs\/\w+\/exceptions$/),
    });
    expect(err.lines.at(-1)).toContain("✘ FAILED");
  });

  it("that is interrupted cancels the job and says so", async () => {
    const platform = new Platform();
    platform.end = { status: "RUNNING" };
    const { err, out, interruption, run } = command(platform);
    const running = run().catch((error: unknown) => error);
    while (out.lines.length < 2) await platform.clock.settle();
    interruption.abort(new CliException("Stopped.", { exitCode: 130 }));
    expect(await running).toMatchObject({ message: "Stopped." });
    expect(platform.canceled).toHaveLength(1);
    expect(err.lines.at(-1)).toMatch(/^ {2}job \w{32} canceled$/);
  });

  it("to nobody says what to do", async () => {
    const { run } = command(new Platform());
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("fetch failed");
    });
    await expect(run()).rejects.toThrow(
      "Nothing answers at http://sluice.test. Start the platform with npm run dev, or name another with --url.",
    );
  });
});
