import { join } from "node:path";
import { createTestHarness } from "wrangler";
import type { TestHarness } from "wrangler";
import type { LoadPlan, LoadResult } from "./load/load.ts";
import { isInstalled } from "./systems.ts";
import type { Peer } from "./systems.ts";
import type { MeasureRequest } from "./workerd/measure-route.ts";

const OK = 200;

/** One workerd with the worker of raw RPC and Sluice and, as far as they are installed, those of the peers. */
export class BenchServer implements AsyncDisposable {
  readonly #harness: TestHarness;
  readonly url: URL;

  private constructor(harness: TestHarness, url: URL) {
    this.#harness = harness;
    this.url = url;
  }

  static async start(): Promise<BenchServer> {
    // Local tracing makes RPC inside workerd five times slower.
    process.env["X_LOCAL_OBSERVABILITY"] = "false";
    // Asks a server on the internet for a request's place otherwise.
    process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
    const peers = (["agents", "capnweb", "partyserver"] satisfies Peer[]).filter(isInstalled);
    const folders = ["workerd", ...peers.map((peer) => join("peers", peer))];
    const harness = createTestHarness({
      root: import.meta.dirname,
      workers: folders.map((folder) => ({ configPath: join(folder, "wrangler.toml") })),
    });
    const { url } = await harness.listen();
    return new BenchServer(harness, url);
  }

  /** @throws Error with the worker's own words if a call failed or came back wrong. */
  async measure(worker: string, system: string, plan: LoadPlan): Promise<LoadResult> {
    const response = await this.#harness.getWorker(worker).fetch("http://bench/measure", {
      method: "POST",
      body: JSON.stringify({ system, plan } satisfies MeasureRequest),
    });
    if (response.status !== OK) throw new Error(`${worker}: ${await response.text()}`);
    // Written by measureRoute.
    return (await response.json()) as LoadResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#harness.close();
  }
}
