/** What `sluice/testing/workerd` publishes: tests of a worker on the real runtime. Runs under Node; needs `wrangler`. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Duration } from "../../common/duration.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";
import { HttpRpcService } from "../../transport/http/http-rpc-service.ts";
import { CRASH_PATH, ELAPSE_PATH, RPC_PATH } from "./harness-protocol.ts";
import type { HarnessProcessOptions, HarnessReady } from "./harness-protocol.ts";

export interface WorkerdHarnessOptions {
  /** Wrangler configuration of the worker: `wrangler.toml`, `wrangler.json` or `wrangler.jsonc`. */
  readonly config: string | URL;
  /** Variables of the worker, over those of the configuration. */
  readonly variables?: Readonly<Record<string, string | number | boolean>>;
  /** Sees each line that the worker prints. Default: they are dropped. */
  readonly onLine?: (line: string) => void;
}

/** Lines of output that a failed start shows. */
const SHOWN_LINES = 40;
/** Not the worker's: gateways outlive the processes, each of which has a port of its own. */
const SERVICE_ORIGIN = "http://workerd-harness.invalid";

/**
 * A worker under test in a workerd process of its own, with storage that outlives the process. The worker is bundled as Wrangler does, and
 * runs unchanged but for what the harness needs to reach into it: nothing has to be exported over HTTP for {@link service}.
 *
 *     await using worker = await WorkerdHarness.start({ config: "wrangler.toml" });
 *     await worker.service.gateway(CounterGateway, "counter/alice").increment(2);
 */
export class WorkerdHarness implements AsyncDisposable {
  /** Calls the worker's endpoints. Its gateways may be kept over {@link kill} and {@link restart}. */
  readonly service: RpcService;
  readonly #options: HarnessProcessOptions;
  readonly #onLine: (line: string) => void;
  readonly #folder: string;
  readonly #http: HttpRpcService;
  #process: WorkerdProcess | undefined;

  private constructor(options: WorkerdHarnessOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-workerd-"));
    this.#onLine = options.onLine ?? (() => undefined);
    this.#options = {
      config: typeof options.config === "string" ? resolve(options.config) : fileURLToPath(options.config.href),
      stateFolder: join(this.#folder, "state"),
      workFolder: this.#folder,
      variables: options.variables ?? {},
    };
    mkdirSync(this.#options.stateFolder);
    this.#http = new HttpRpcService({
      url: new URL(RPC_PATH, SERVICE_ORIGIN),
      fetch: (url, init) => this.fetch(new URL(url).pathname, init),
    });
    this.service = this.#http;
  }

  /** Starts the worker and waits until it answers. @throws Error with what it printed if it does not start. */
  static async start(options: WorkerdHarnessOptions): Promise<WorkerdHarness> {
    const harness = new WorkerdHarness(options);
    try {
      const { config } = harness.#options;
      if (!existsSync(config)) throw new Error(`config: expected a Wrangler configuration, found no file ${config}`);
      await harness.restart();
      return harness;
    } catch (error) {
      await harness[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where the worker listens now; another one after a {@link restart}. @throws Error after {@link kill}. */
  get url(): URL {
    const { url } = this.#running();
    return new URL(url);
  }

  /** `fetch` of a path of the worker. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    // A service that is down is a connection that fails, not a fault of the caller.
    return Promise.resolve().then(() => fetch(new URL(path, this.url), init));
  }

  /** SIGKILL to the process and all its children: nothing is told, nothing is flushed. Storage stays. Idempotent. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.kill();
  }

  /** {@link kill} if it runs, then a new process on the same storage. @throws as {@link start}. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = await WorkerdProcess.start(this.#options, this.#onLine);
  }

  /** Resets one object, as the platform does when it moves or updates it: it loses its memory, calls in flight fail. */
  crash(address: string): Promise<void> {
    return this.#command(`${CRASH_PATH}?address=${encodeURIComponent(address)}`);
  }

  /**
   * Lets `duration` pass for the durable timers of the endpoint at `address`, and resolves when those that are due by then
   * have run; one that recurs has run once. Clocks do not move.
   */
  elapse(address: string, duration: Duration): Promise<void> {
    return this.#command(`${ELAPSE_PATH}?address=${encodeURIComponent(address)}&millis=${duration}`);
  }

  /** Ends the worker and removes its storage. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #command(path: string): Promise<void> {
    const response = await this.fetch(path, { method: "POST" });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
  }

  #running(): WorkerdProcess {
    if (this.#process === undefined) throw new Error("the worker was killed and not started again");
    return this.#process;
  }
}

/** One process of a harness. It leads a process group, so that killing it takes workerd with it. */
class WorkerdProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: string[] = [];
  url = "";

  private constructor(options: HarnessProcessOptions, onLine: (line: string) => void) {
    const script = fileURLToPath(new URL("harness-process.ts", import.meta.url).href);
    this.#child = spawn(process.execPath, [script, JSON.stringify(options)], {
      cwd: dirname(options.config),
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: {
        ...process.env,
        // Build commands of the configuration run the same Node.
        PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
        // Tracing makes calls inside local workerd five times slower.
        X_LOCAL_OBSERVABILITY: "false",
        WRANGLER_SEND_METRICS: "false",
        // Starting needs no network.
        CLOUDFLARE_CF_FETCH_ENABLED: "false",
        NO_COLOR: "1",
        FORCE_COLOR: "0",
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let partial = "";
      stream?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (partial + text).split("\n");
        partial = lines.pop() ?? "";
        for (const line of lines) {
          this.#lines.push(line);
          onLine(line);
        }
        this.#lines.splice(0, this.#lines.length - SHOWN_LINES);
      });
    }
    // `close` comes after the last output, also when the process could not be started at all.
    this.#exited = new Promise((exited) => this.#child.once("close", () => exited()));
  }

  static async start(options: HarnessProcessOptions, onLine: (line: string) => void): Promise<WorkerdProcess> {
    const started = new WorkerdProcess(options, onLine);
    const ready = new Promise<HarnessReady>((resolveReady, reject) => {
      // The one thing that the process says.
      started.#child.once("message", (message) => resolveReady(message as HarnessReady));
      started.#child.once("error", reject);
      void started.#exited.then(() =>
        reject(new Error(`the worker of ${options.config} did not start:\n${started.#lines.join("\n")}`)),
      );
    });
    try {
      started.url = (await ready).url;
      return started;
    } catch (error) {
      await started.kill();
      throw error;
    }
  }

  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The group is gone.
    }
    await this.#exited;
  }
}
