import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTestHarness } from "wrangler";
import type { TestHarness } from "wrangler";
import { RestClient } from "../../../src/client/rest-client.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** The product in local workerd, with the benchmark's routes. */
export class ControlServer implements AsyncDisposable {
  readonly url: URL;
  readonly client: RestClient;
  readonly #harness: TestHarness;

  private constructor(harness: TestHarness, url: URL) {
    this.#harness = harness;
    this.url = url;
    this.client = new RestClient({ url: url.origin });
  }

  static async start(): Promise<ControlServer> {
    // Local tracing makes RPC inside workerd five times slower.
    process.env["X_LOCAL_OBSERVABILITY"] = "false";
    // Asks a server on the internet for a request's place otherwise.
    process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
    await promisify(execFile)(process.execPath, [join(ROOT, "scripts/build.ts")], { cwd: ROOT });
    const harness = createTestHarness({
      root: join(import.meta.dirname, ".."),
      workers: [{ configPath: join("workerd", "wrangler.toml") }],
    });
    const { url } = await harness.listen();
    return new ControlServer(harness, url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#harness.close();
  }
}
