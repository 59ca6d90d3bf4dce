import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../../src/cli/free-port.ts";
import { bundleJob, type JobBundle } from "../../src/cli/job-bundle.ts";
import { LocalWorker } from "../../src/cli/local-worker.ts";
import { RestClient, type RunOptions } from "../../src/client/rest-client.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";

const POLL_MILLIS = 100;
const DEFAULT_WAIT_MILLIS = 60_000;

/** Root of the repository. */
export const ROOT = join(import.meta.dirname, "../..");

/** The platform in real workerd with a state folder of its own, for one test file. `await using` stops and removes it. */
export class Platform implements AsyncDisposable {
  readonly #folder: string;
  readonly #lines: string[];
  #worker: LocalWorker;

  private constructor(folder: string, worker: LocalWorker, lines: string[]) {
    this.#folder = folder;
    this.#worker = worker;
    this.#lines = lines;
  }

  /** With `variables` as bindings; the event log is on. */
  static async start(variables: Readonly<Record<string, string>> = {}): Promise<Platform> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-e2e-"));
    const lines: string[] = [];
    const worker = await LocalWorker.start({
      root: ROOT,
      port: await findFreePort(),
      stateFolder: join(folder, "state"),
      logFile: join(folder, "worker.log"),
      variables: { SLUICE_EVENT_LOG: "1", ...variables },
      onLine: (line) => void lines.push(line),
    });
    return new Platform(folder, worker, lines);
  }

  get url(): string {
    return this.#worker.url;
  }

  get client(): RestClient {
    return new RestClient({ url: this.url });
  }

  /** Lines of the event log so far: one per event of an object. */
  get events(): readonly string[] {
    return this.#lines.filter((line) => line.startsWith("event "));
  }

  /** SIGKILL; state stays. */
  kill(): Promise<void> {
    return this.#worker.kill();
  }

  async restart(): Promise<void> {
    this.#worker = await this.#worker.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** `fetch` below the worker's address. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.url}${path}`, init);
  }

  /** Uploads and runs a module given as its text. @returns the job's id. */
  async run(text: string, options: RunOptions = {}): Promise<string> {
    return this.runBundle({ name: "job.js", bytes: new TextEncoder().encode(text) }, options);
  }

  /** The same for a file, bundled as the CLI does. */
  async runFile(file: string, options: RunOptions = {}): Promise<string> {
    return this.runBundle(await bundleJob(join(ROOT, file)), options);
  }

  async runBundle(bundle: JobBundle, options: RunOptions): Promise<string> {
    const moduleId = await this.client.uploadModule(bundle.name, bundle.bytes);
    return this.client.runModule(moduleId, options);
  }

  /** The first picture of the job for which `condition` holds; fails with the last one after a minute. */
  async job(jobId: string, condition: (job: SluiceJobInfo) => boolean): Promise<SluiceJobInfo> {
    return until(() => this.client.requestJob(jobId), condition, `job ${jobId}`);
  }

  async rows<Row>(jobId: string): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for await (const line of this.client.jobResults(jobId, { follow: false })) rows.push(JSON.parse(line) as Row);
    return rows;
  }

  /** Removes objects of the object store whose key begins with `prefix`, behind the platform's back. Not while it runs. */
  loseObjects(prefix: string): number {
    const folder = join(this.#folder, "state/v3/r2/miniflare-R2BucketObject");
    const files = readdirSync(folder).filter((file) => file.endsWith(".sqlite") && !file.startsWith("metadata"));
    return files.reduce((lost, file) => {
      const database = new DatabaseSync(join(folder, file));
      try {
        const { changes } = database.prepare("DELETE FROM _mf_objects WHERE key GLOB ?").run(`${prefix}*`);
        return lost + Number(changes);
      } finally {
        database.close();
      }
    }, 0);
  }

  /** Names of all objects that hold an alarm, as workerd stores them. */
  alarms(): readonly string[] {
    const objects = join(this.#folder, "state/v3/do");
    return readdirSync(objects).flatMap((namespace) => {
      const database = new DatabaseSync(join(objects, namespace, "metadata.sqlite"), { readOnly: true });
      try {
        return database
          .prepare("SELECT actor_name FROM _cf_ALARM")
          .all()
          .map((row) => String(row["actor_name"]));
      } finally {
        database.close();
      }
    });
  }
}

/** Polls `probe` until `condition` holds. */
export async function until<T>(probe: () => Promise<T>, condition: (value: T) => boolean, what: string): Promise<T> {
  for (let waited = 0; ; waited += POLL_MILLIS) {
    const value = await probe();
    if (condition(value)) return value;
    if (waited > DEFAULT_WAIT_MILLIS) throw new Error(`${what}: waited in vain; last seen ${JSON.stringify(value)}`);
    await sleep(POLL_MILLIS);
  }
}
