import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { z } from "zod";
import { findFreePort } from "../../../src/cli/free-port.ts";
import { IsolateProfile } from "./isolate-profile.ts";

const WORKERD = join(import.meta.dirname, "../../../node_modules/workerd/bin/workerd");
const POLL_MILLIS = 200;
const START_TIMEOUT_MILLIS = 120_000;

const State = z.object({
  status: z.string(),
  tasksPerState: z.record(z.string(), z.number()),
  checkpoints: z.object({ completed: z.number(), failed: z.number(), total: z.number() }),
  failures: z.array(z.object({ failure: z.object({ stack: z.string() }) })),
});
type State = z.output<typeof State>;

export interface SteadyJob {
  readonly subtasks: number;
  /** Seconds measured. */
  readonly seconds: number;
  /** Within these seconds. */
  readonly completed: number;
  readonly failed: number;
  /** Part of the time in which the JobMaster's isolate ran code, 0 to 1. */
  readonly busyShare: number;
}

/** Runs a job that does nothing but checkpoints and heartbeats, on a JobMaster, a ResourceManager and TaskExecutors in workerd. */
export async function runSteadyJob(parallelism: number, millis: number): Promise<SteadyJob> {
  await using workerd = await Workerd.start();
  const ask = async (path: string): Promise<State> => {
    const response = await fetch(`${workerd.url}/${path}?parallelism=${parallelism}`);
    if (!response.ok) throw new Error(await response.text());
    return State.parse(await response.json());
  };
  await ask("start");
  const running = await until(ask, ({ status, tasksPerState: { RUNNING = 0, ...others }, checkpoints, failures }) => {
    if (status !== "RUNNING") {
      throw new Error(`the job is ${status}: ${failures.map(({ failure }) => failure.stack).join("\n")}`);
    }
    return RUNNING > 0 && Object.values(others).every((count) => count === 0) && checkpoints.completed > 0;
  });
  await using profile = await IsolateProfile.start(workerd.inspector, "job-master");
  const [before, started] = [await ask("state"), performance.now()];
  await sleep(millis);
  const busyShare = await profile.busyShare();
  const [after, seconds] = [await ask("state"), (performance.now() - started) / 1_000];
  return {
    subtasks: running.tasksPerState["RUNNING"] ?? 0,
    seconds,
    completed: after.checkpoints.completed - before.checkpoints.completed,
    failed: after.checkpoints.failed,
    busyShare,
  };
}

/** workerd with the two workers, its storage in a folder of its own, its inspector open. */
class Workerd implements AsyncDisposable {
  readonly url: string;
  readonly inspector: string;
  readonly #folder: string;
  readonly #process: ReturnType<typeof spawn>;

  private constructor(folder: string, ports: { readonly http: number; readonly inspector: number }) {
    this.#folder = folder;
    this.url = `http://127.0.0.1:${ports.http}`;
    this.inspector = `http://127.0.0.1:${ports.inspector}`;
    this.#process = spawn(
      WORKERD,
      ["serve", "--experimental", `--inspector-addr=127.0.0.1:${ports.inspector}`, join(folder, "config.capnp")],
      { stdio: "ignore" },
    );
    process.once("exit", () => this.#process.kill("SIGKILL"));
  }

  static async start(): Promise<Workerd> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-steady-"));
    const ports = { http: await findFreePort(), inspector: await findFreePort() };
    await mkdir(join(folder, "storage"));
    for (const name of ["cluster", "job-master"]) {
      await build({
        entryPoints: [join(import.meta.dirname, `${name}-worker.ts`)],
        outfile: join(folder, `${name}.mjs`),
        bundle: true,
        format: "esm",
        target: "esnext",
        conditions: ["workerd"],
        external: ["cloudflare:*", "node:*"],
      });
    }
    await writeFile(join(folder, "config.capnp"), configuration(ports.http, join(folder, "storage")));
    const workerd = new Workerd(folder, ports);
    await workerd.#ready();
    return workerd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGKILL");
      await once(this.#process, "exit");
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    for (let waited = 0; waited < START_TIMEOUT_MILLIS; waited += POLL_MILLIS) {
      if (this.#process.exitCode !== null) throw new Error("workerd ended at once");
      const answers = await fetch(`${this.url}/ready`).catch(() => undefined);
      if (answers?.ok === true) return;
      await sleep(POLL_MILLIS);
    }
    throw new Error("workerd did not start");
  }
}

function configuration(port: number, storage: string): string {
  const namespaces = [
    ["JOB_MASTER", "JobMasterObject", "job-master"],
    ["RESOURCE_MANAGER", "ResourceManagerObject", "cluster"],
    ["TASK_EXECUTOR", "TaskExecutorObject", "cluster"],
  ] as const;
  const bindings = namespaces.map(
    ([name, className, serviceName]) =>
      `(name = "${name}", durableObjectNamespace = (className = "${className}", serviceName = "${serviceName}"))`,
  );
  const worker = (service: string): string => {
    const own = namespaces.filter(([, , serviceName]) => serviceName === service);
    return `(name = "${service}", worker = (
      modules = [(name = "worker", esModule = embed "${service}.mjs")],
      compatibilityDate = "2026-10-01",
      bindings = [${bindings.join(", ")}],
      durableObjectNamespaces = [${own.map(([, name]) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`).join(", ")}],
      durableObjectStorage = (localDisk = "storage")))`;
  };
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${worker("cluster")},
    ${worker("job-master")},
    (name = "storage", disk = (path = "${storage}", writable = true))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "cluster")]
);
`;
}

async function until(ask: (path: string) => Promise<State>, condition: (state: State) => boolean): Promise<State> {
  for (let waited = 0; waited < START_TIMEOUT_MILLIS; waited += POLL_MILLIS) {
    const state = await ask("state");
    if (condition(state)) return state;
    await sleep(POLL_MILLIS);
  }
  throw new Error("the job did not come to RUNNING");
}
