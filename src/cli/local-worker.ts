import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { abortable } from "./abortable.ts";
import { CliException } from "./cli-exception.ts";
import { LOCAL_HOST } from "./free-port.ts";
import type { LocalWorkerProcessOptions } from "./local-worker-process.ts";

export interface LocalWorkerOptions {
  /** Root of the repository. */
  readonly root: string;
  readonly port: number;
  /** Where all state lies: a worker started again on it goes on with what was there. */
  readonly stateFolder: string;
  /** Everything the worker prints is appended to it. */
  readonly logFile: string;
  /** Further variables of the worker, such as `SLUICE_EVENT_LOG: "1"`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Whether an edit of the sources reloads the worker, which resets every object. Default false. */
  readonly watch?: boolean;
  /** Sees each line that the worker prints. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

const START_TIMEOUT_MILLIS = 90_000;
const STOP_TIMEOUT_MILLIS = 5_000;
const POLL_INTERVAL_MILLIS = 50;
const SHOWN_LOG_LINES = 20;
const KEPT_LOG_LINES = 200;
const UNAUTHORIZED = 401;
const LOCAL_VARIABLES = { SLUICE_LOCAL: "1" };

/** Processes that still run, for the moment in which this one exits by whatever way. */
const running = new Set<LocalWorker>();
let exitHookInstalled = false;

/**
 * The platform in local workerd, as a child process. The child leads a process group of its own, so that killing
 * it takes workerd with it, and Ctrl-C reaches only us.
 */
export class LocalWorker {
  readonly url: string;
  readonly #options: LocalWorkerOptions;
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  readonly #exited: Promise<void>;
  readonly #lastLines: string[] = [];
  #hasExited = false;
  #partialLine = "";

  private constructor(options: LocalWorkerOptions) {
    this.#options = options;
    this.url = `http://localhost:${options.port}`;
    this.#log = createWriteStream(options.logFile, { flags: "a" });
    this.#child = spawn(process.execPath, options.watch === true ? wranglerDev(options) : localWorkerProcess(options), {
      cwd: options.root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: environmentOf(options.root),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#print(text));
    }
    this.#exited = new Promise((resolve) => {
      // `close` comes after the last output, also when the process could not be started at all.
      this.#child.once("error", (error) => this.#print(`${error.message}\n`));
      this.#child.once("close", () => {
        this.#hasExited = true;
        running.delete(this);
        this.#log.end(resolve);
      });
    });
    running.add(this);
    installExitHook();
  }

  /**
   * Starts the worker and waits until it answers.
   *
   * @throws CliException with the end of its log if it does not come up; nothing is left running then.
   */
  static async start(options: LocalWorkerOptions): Promise<LocalWorker> {
    options.signal?.throwIfAborted();
    const worker = new LocalWorker(options);
    try {
      await worker.#waitUntilReady();
      return worker;
    } catch (error) {
      await worker.kill();
      throw error;
    }
  }

  /** The last lines it printed. */
  get logTail(): string {
    return this.#lastLines.slice(-SHOWN_LOG_LINES).join("\n");
  }

  /** SIGKILL to the process and all its children: nothing is told, nothing is flushed. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#exited;
  }

  /** Asks it to stop; kills what is left after five seconds. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#hasExited) {
      this.#signal("SIGTERM");
      await Promise.race([this.#exited, sleep(STOP_TIMEOUT_MILLIS, undefined, { ref: false })]);
    }
    // Also where the leader is gone: its children may have outlived it.
    await this.kill();
  }

  /** Starts the worker again on the same port and state. Call it after {@link kill} or {@link stop}. */
  restart(): Promise<LocalWorker> {
    return LocalWorker.start(this.#options);
  }

  /** @internal for the exit hook, which cannot wait. */
  signalOnExit(): void {
    this.#signal("SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  }

  async #waitUntilReady(): Promise<void> {
    const { signal, logFile } = this.#options;
    const deadline = AbortSignal.timeout(START_TIMEOUT_MILLIS);
    const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      while (!(await abortable(this.#answers(), stop))) {
        if (this.#hasExited) {
          throw new CliException(`The worker ended while it started. Its log is ${logFile}`, { details: this.logTail });
        }
        await sleep(POLL_INTERVAL_MILLIS);
      }
    } catch (error) {
      if (error !== deadline.reason) throw error;
      const waited = `${START_TIMEOUT_MILLIS / 1_000} s`;
      throw new CliException(`The worker did not answer within ${waited}. Its log is ${logFile}`, {
        details: this.logTail,
        cause: error,
      });
    }
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await fetch(`http://${LOCAL_HOST}:${this.#options.port}/v1/config`);
      await response.arrayBuffer();
      // A worker with a token answers 401 to us, and is up all the same.
      return response.ok || response.status === UNAUTHORIZED;
    } catch {
      return false;
    }
  }

  #print(text: string): void {
    this.#log.write(text);
    const lines = (this.#partialLine + text).split("\n");
    this.#partialLine = lines.pop() ?? "";
    for (const line of lines) {
      this.#lastLines.push(line);
      this.#options.onLine?.(line);
    }
    this.#lastLines.splice(0, this.#lastLines.length - KEPT_LOG_LINES);
  }
}

function localWorkerProcess({ root, port, stateFolder, variables }: LocalWorkerOptions): string[] {
  const options: LocalWorkerProcessOptions = {
    config: join(root, "wrangler.toml"),
    port,
    stateFolder,
    variables: { ...LOCAL_VARIABLES, ...variables },
  };
  return [join(root, "src/cli/local-worker-process.ts"), JSON.stringify(options)];
}

function wranglerDev({ root, port, stateFolder, variables }: LocalWorkerOptions): string[] {
  const variableArguments = Object.entries({ ...LOCAL_VARIABLES, ...variables }).flatMap(([name, value]) => [
    "--var",
    `${name}:${value}`,
  ]);
  return [
    join(root, "node_modules/wrangler/bin/wrangler.js"),
    "dev",
    "--ip",
    LOCAL_HOST,
    "--port",
    String(port),
    "--inspector-port",
    "0",
    "--persist-to",
    stateFolder,
    "--show-interactive-dev-session=false",
    ...variableArguments,
  ];
}

function environmentOf(root: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // Its build command runs `node`, which must be the one that came with `npm ci`.
    PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    X_LOCAL_OBSERVABILITY: "false",
    WRANGLER_SEND_METRICS: "false",
    // Starting needs no network.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    NO_COLOR: "1",
    FORCE_COLOR: "0",
  };
}

function installExitHook(): void {
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.once("exit", () => {
    for (const worker of running) worker.signalOnExit();
  });
}
