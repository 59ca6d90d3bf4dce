import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Platform } from "../harness/platform.ts";

const THROWS = `
import { CollectSink, CollectionSource, defineJob, types } from "sluice";
function explode(value) {
  if (value === 3) throw new RangeError("three is too much");
  return value;
}
export default defineJob({ name: "throws", parallelism: 1 }, (env) => {
  env.fromSource(CollectionSource.of([1, 2, 3], types.int()), undefined, "three").map(explode).sinkTo(CollectSink.named("rows"));
});`;

/** Starts every attempt at its first record and reports what came of them with the later ones. */
const PROBES = `
import * as workers from "cloudflare:workers";
import { CollectSink, DatagenSource, defineJob, seconds, types } from "sluice";
const found = { probes: 0 };
const captured = [];
function tryTo(name, attempt) {
  found.probes += 1;
  Promise.resolve().then(attempt).then((value) => { found[name] = "reached: " + String(value); }, (error) => { found[name] = "refused: " + error.message; });
}
for (const type of [Map, Set, WeakMap, Promise]) {
  for (const method of ["get", "set", "then", "add"]) {
    const original = type.prototype[method];
    if (typeof original !== "function") continue;
    try {
      type.prototype[method] = function (...values) { captured.push(...values.filter((value) => typeof value === "object")); return original.apply(this, values); };
    } catch {}
  }
}
function probe(record) {
  if (found.probes === 0) {
    tryTo("network", () => fetch("http://example.com/"));
    tryTo("loopback network", () => fetch("http://127.0.0.1/"));
    tryTo("socket", async () => { const { connect } = await import("cloudflare:sockets"); const socket = connect("127.0.0.1:80"); await socket.opened; return "connected"; });
    tryTo("bindings", () => { const names = Object.keys(workers.env ?? {}); if (names.length === 0) throw new Error("env is empty"); return names.join(); });
    tryTo("process environment", () => { const names = Object.keys(globalThis.process?.env ?? {}); if (names.length === 0) throw new Error("no environment"); return names.join(); });
    tryTo("file system", async () => { const fs = await import("node:fs"); return fs.readdirSync("/etc").length; });
    tryTo("receiver", () => { if (this === undefined || this === null) throw new Error("no receiver"); return this; });
  }
  return JSON.stringify({ ...found, captured: captured.length });
}
export default defineJob({ name: "probes", parallelism: 1, checkpointing: { interval: seconds(1) } }, (env) => {
  env.fromSource(DatagenSource.of({ type: types.int(), generate: (index) => index, count: 12, recordsPerSecond: 6 }), undefined, "ticks")
    .map(probe).returns(types.string()).sinkTo(CollectSink.named("probes"));
});`;

describe("user code", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  it("that throws ends the job FAILED after three restarts, with its message and stack", async () => {
    const jobId = await platform.run(THROWS);
    const job = await platform.job(jobId, ({ state }) => state === "FAILED" || state === "FINISHED");
    expect(job).toMatchObject({ state: "FAILED", restarts: 3 });

    const response = await platform.fetch(`/v1/jobs/${jobId}/exceptions`);
    const { exceptionHistory } = (await response.json()) as {
      readonly exceptionHistory: { readonly entries: readonly { readonly stacktrace: string; taskName: string }[] };
    };
    expect(exceptionHistory.entries.length).toBeGreaterThanOrEqual(4);
    for (const { stacktrace } of exceptionHistory.entries.slice(1)) {
      expect(stacktrace).toContain("three is too much");
      expect(stacktrace).toMatch(/at explode \(job\.js:4/);
    }
  });

  it("reaches no network, no bindings and none of the platform's capabilities", async () => {
    const jobId = await platform.run(PROBES);
    await platform.job(jobId, ({ state }) => state === "FINISHED");
    const rows = await platform.rows<string>(jobId);
    const last = JSON.parse(rows.at(-1) ?? "{}") as Record<string, unknown>;
    expect(last).toMatchObject({ probes: 7, captured: 0 });
    const outcomes = Object.entries(last).filter(([name]) => name !== "probes" && name !== "captured");
    expect(outcomes).toHaveLength(7);
    expect(outcomes.filter(([, outcome]) => !String(outcome).startsWith("refused:"))).toEqual([]);
  });
});
