import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../src/cli/free-port.ts";
import { ROOT } from "../harness/platform.ts";

const POLL_MILLIS = 100;
const START_MILLIS = 60_000;

/** The probes' worker in a process of its own, on a folder that outlives it. */
class ProbeProcess {
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async create(): Promise<ProbeProcess> {
    return new ProbeProcess(await mkdtemp(join(tmpdir(), "sluice-timers-")), await findFreePort());
  }

  async start(): Promise<void> {
    const options = {
      config: join(ROOT, "test/fixtures/rpc/wrangler.toml"),
      port: this.#port,
      stateFolder: this.#folder,
      variables: {},
    };
    const script = join(ROOT, "src/cli/local-worker-process.ts");
    this.#child = spawn(process.execPath, [script, JSON.stringify(options)], {
      detached: true,
      stdio: "ignore",
      cwd: ROOT,
    });
    for (let waited = 0; waited < START_MILLIS; waited += POLL_MILLIS) {
      try {
        await fetch(`http://localhost:${this.#port}/?id=none`);
        return;
      } catch {
        await sleep(POLL_MILLIS);
      }
    }
    throw new Error("the worker did not come up");
  }

  /** SIGKILL to it and its children. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async timers(path: string, method = "GET"): Promise<unknown> {
    return (await fetch(`http://localhost:${this.#port}/timers/${path}`, { method })).json();
  }
}

describe("durable timers of a process that was killed", () => {
  let worker: ProbeProcess;
  beforeAll(async () => {
    worker = await ProbeProcess.create();
    await worker.start();
  });
  afterAll(() => worker.remove());

  it("fire in the next one, those past due at once, each once", async () => {
    expect(await worker.timers("a/soon?delay=2000", "PUT")).toEqual({ incarnation: 1, run: [] });
    expect(await worker.timers("a/later?delay=3600000", "PUT")).toEqual({ incarnation: 1, run: [] });
    await worker.kill();
    await sleep(2_500);
    await worker.start();
    let found: unknown;
    for (let attempt = 0; attempt < 50; attempt += 1) {
      found = await worker.timers("a");
      if (JSON.stringify(found).includes("soon")) break;
      await sleep(POLL_MILLIS);
    }
    expect(found).toEqual({ incarnation: 2, run: ["soon"] });
    await worker.kill();
    await worker.start();
    await sleep(500);
    expect(await worker.timers("a")).toEqual({ incarnation: 3, run: [] });
  });
});
