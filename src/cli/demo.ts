import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RestClient } from "../client/rest-client.ts";
import type { SluiceJobInfo } from "../rest/messages/sluice-messages.ts";
import { abortable, untilAborted } from "./abortable.ts";
import { CliException } from "./cli-exception.ts";
import type { CommandContext } from "./command-context.ts";
import { formatBytes, formatCount, formatSeconds, plural } from "./format.ts";
import { findFreePort, requireFreePort } from "./free-port.ts";
import { bundleJob, readInputFile } from "./job-bundle.ts";
import { followJob } from "./job-follower.ts";
import { JobProgress } from "./job-progress.ts";
import { LocalWorker } from "./local-worker.ts";
import { formatEarthquakeRows, parseEarthquakeRows } from "./result-rows.ts";
import type { EarthquakeRow } from "./result-rows.ts";
import { StepList } from "./step-list.ts";
import { silentTerminal } from "./terminal.ts";

export interface DemoOptions {
  readonly port?: number | undefined;
  /** Kill the worker in the middle of the job and start it again. */
  readonly kill: boolean;
  /** Print only the result, as JSON. */
  readonly json: boolean;
  /** Leave the worker running afterwards, until Ctrl-C. */
  readonly keep: boolean;
}

const INPUT_KEY = "earthquakes.ndjson";
const INPUT_FILE = "examples/earthquakes/earthquakes.ndjson";
const JOB_FILE = "examples/earthquakes/job.ts";
const PARALLELISM = 4;
/** The kill comes after this many checkpoints, and with at least a third of the input left to read. */
const KILL_AFTER_CHECKPOINTS = 3;
const KILL_BEFORE_FRACTION = 2 / 3;

/** The main job on real input, on a worker of its own. @throws CliException if it does not end as it should. */
export async function demo(context: CommandContext, options: DemoOptions): Promise<void> {
  const { signal } = context;
  const out = options.json ? silentTerminal() : context.out;
  const port = options.port ?? (await findFreePort());
  await requireFreePort(port);
  const folder = await mkdtemp(join(tmpdir(), "sluice-demo-"));
  const logFile = join(folder, "worker.log");
  out.line(`sluice demo · earthquakes on local workerd, http://localhost:${port}`);
  const steps = new StepList(out);
  const run = new DemoRun({ context, options, steps, progressTerminal: out });
  let succeeded = false;
  try {
    const { job, rows } = await run.run({
      root: context.root,
      port,
      stateFolder: join(folder, "state"),
      logFile,
      signal,
    });
    if (options.json) context.out.line(JSON.stringify({ job: jobJson(job), rows }));
    else showResult(context, { job, rows, port, keep: options.keep });
    succeeded = true;
    if (options.keep) await untilAborted(signal);
  } catch (error) {
    out.clear();
    throw succeeded || signal.aborted ? error : explained(error, logFile);
  } finally {
    await run.stop();
    // After a failure the log is what is left to look at.
    if (succeeded || signal.aborted) await rm(folder, { recursive: true, force: true });
  }
}

interface DemoSetup {
  readonly context: CommandContext;
  readonly options: DemoOptions;
  readonly steps: StepList;
  readonly progressTerminal: CommandContext["out"];
}

/** One run; owns the worker, whichever of its lives is on. */
class DemoRun {
  readonly #setup: DemoSetup;
  #worker: LocalWorker | undefined;

  constructor(setup: DemoSetup) {
    this.#setup = setup;
  }

  async run(
    workerOptions: Parameters<typeof LocalWorker.start>[0],
  ): Promise<{ readonly job: SluiceJobInfo; readonly rows: readonly EarthquakeRow[] }> {
    const { context, steps } = this.#setup;
    const { root, signal, clock } = context;
    const startedAt = clock.now();
    this.#setup.progressTerminal.live("  … starting the worker");
    const worker = await LocalWorker.start(workerOptions);
    this.#worker = worker;
    steps.done("worker started", formatSeconds(clock.now() - startedAt));

    const client = new RestClient({ url: worker.url });
    const input = await readInputFile(join(root, INPUT_FILE));
    const records = countLines(input);
    await abortable(client.putObject(INPUT_KEY, input), signal);
    steps.done("input uploaded", `${formatCount(records)} records`);

    const bundle = await bundleJob(join(root, JOB_FILE));
    const moduleId = await abortable(client.uploadModule(bundle.name, bundle.bytes), signal);
    steps.done("job uploaded", `${JOB_FILE}, ${formatBytes(bundle.bytes.byteLength)}`);

    const since = clock.now();
    const jobId = await abortable(client.runModule(moduleId, { parallelism: PARALLELISM }), signal);
    const job = await this.#follow({ client, jobId, records, since });
    this.#setup.progressTerminal.clear();
    if (job.state !== "FINISHED") {
      steps.failed(job.state, formatSeconds(job.duration));
      throw new CliException(`The job ended ${job.state}${job.failure === null ? "." : `: ${job.failure}`}`);
    }
    steps.done(
      "FINISHED",
      `${formatSeconds(job.duration)}, ${plural(job.checkpoints, "checkpoint")}, ${plural(job.restarts, "restart")}`,
    );
    return { job, rows: parseEarthquakeRows(await collect(client.jobResults(jobId, { follow: false }))) };
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
  }

  async #follow(of: {
    readonly client: RestClient;
    readonly jobId: string;
    readonly records: number;
    readonly since: number;
  }): Promise<SluiceJobInfo> {
    const { context, options, steps, progressTerminal } = this.#setup;
    const progress = new JobProgress(progressTerminal, of.records);
    let recovered = false;
    const onProgress = (job: SluiceJobInfo, elapsed: number): void => {
      if (job.restoredPosition !== null && !recovered) {
        recovered = true;
        const from = `from checkpoint ${job.restoredCheckpointId ?? "-"}, ${formatCount(job.restoredPosition)} records in`;
        steps.done("job recovered", from);
      }
      progress.show(job, elapsed);
    };
    const follow = (until?: (job: SluiceJobInfo) => boolean): Promise<SluiceJobInfo> =>
      followJob({
        client: of.client,
        jobId: of.jobId,
        clock: context.clock,
        signal: context.signal,
        since: of.since,
        onProgress,
        ...(until === undefined ? {} : { until }),
      });
    if (!options.kill) return follow();

    const middle = await follow((job) => job.checkpoints >= KILL_AFTER_CHECKPOINTS && job.recordsIn > 0);
    if (middle.recordsIn > of.records * KILL_BEFORE_FRACTION) {
      throw new CliException(
        `The job was too fast to be killed in its middle: it had read ${middle.recordsIn} of ${of.records} records.`,
      );
    }
    await this.#worker?.kill();
    steps.done(
      "worker killed (SIGKILL)",
      `after checkpoint ${middle.latestCheckpointId ?? "-"}, ${formatCount(middle.recordsIn)} records read`,
    );
    const restartedAt = context.clock.now();
    progressTerminal.live("  … starting the worker again");
    this.#worker = await this.#worker?.restart();
    steps.done("worker started again", formatSeconds(context.clock.now() - restartedAt));
    return follow();
  }
}

function showResult(
  { out }: CommandContext,
  of: {
    readonly job: SluiceJobInfo;
    readonly rows: readonly EarthquakeRow[];
    readonly port: number;
    readonly keep: boolean;
  },
): void {
  out.line();
  for (const line of formatEarthquakeRows(of.rows)) out.line(line);
  out.line(`  ${plural(of.rows.length, "row")}.`);
  out.line();
  const url = `http://localhost:${of.port}`;
  out.line(`  Look closer:   ${of.keep ? `curl ${url}/v1/jobs/${of.job.id}` : "npm run demo -- --keep"}`);
  out.line(
    `  Your own job:  ${of.keep ? `npm run submit -- my-job.ts --url ${url}` : "npm run dev, then npm run submit -- my-job.ts"}`,
  );
  if (of.keep) out.line("  The worker stays until Ctrl-C.");
}

function jobJson(job: SluiceJobInfo) {
  const { id, name, state, restarts, restoredCheckpointId, restoredPosition, checkpoints, recordsIn, recordsOut } = job;
  return {
    id,
    name,
    state,
    restarts,
    restoredCheckpointId,
    restoredPosition,
    checkpoints,
    recordsIn,
    recordsOut,
    startTime: new Date(job.startTime).toISOString(),
    endTime: new Date(job.endTime).toISOString(),
    durationMillis: job.duration,
  };
}

function explained(error: unknown, logFile: string): unknown {
  if (error instanceof CliException) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CliException(`${message} The worker's log is ${logFile}`, { cause: error });
}

function countLines(bytes: Uint8Array): number {
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "").length;
}

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const collected: string[] = [];
  for await (const line of lines) collected.push(line);
  return collected;
}
