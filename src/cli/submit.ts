import type { RestClient } from "../client/rest-client.ts";
import type { RecoveryClaimModeInfo } from "../rest/messages/jar-messages.ts";
import { isTerminalJobStatus } from "../rest/messages/states.ts";
import type { SluiceJobInfo } from "../rest/messages/sluice-messages.ts";
import { abortable, abortableElements } from "./abortable.ts";
import { CliException } from "./cli-exception.ts";
import type { CommandContext } from "./command-context.ts";
import { formatBytes, formatSeconds, plural } from "./format.ts";
import { bundleJob, readInputFile } from "./job-bundle.ts";
import { followJob } from "./job-follower.ts";
import { JobProgress } from "./job-progress.ts";
import { connect, explainingSilence, type ConnectionOptions } from "./platform-connection.ts";
import { StepList } from "./step-list.ts";
import { silentTerminal, type Terminal } from "./terminal.ts";

export interface SubmitOptions extends ConnectionOptions {
  readonly parallelism?: number | undefined;
  readonly strict: boolean;
  /** What the job starts from: `savepoints/<path>` or `jobs/<job id>/chk-<n>`. */
  readonly fromSavepoint?: string | undefined;
  readonly allowNonRestoredState?: boolean | undefined;
  readonly claimMode?: RecoveryClaimModeInfo | undefined;
  /** Objects to upload before: key and file. */
  readonly input: readonly InputObject[];
  /** Print only the job and its rows, as one JSON value. */
  readonly json: boolean;
  /** Do not follow the job. */
  readonly detach: boolean;
}

export interface InputObject {
  readonly key: string;
  readonly file: string;
}

/**
 * Bundles, uploads, runs and follows anyone's job. Rows go to the output as they are committed, everything else to the error
 * output. Ctrl-C cancels the job.
 *
 * @throws CliException if it cannot be run, or does not end FINISHED.
 */
export async function submit(context: CommandContext, file: string, options: SubmitOptions): Promise<void> {
  const { signal } = context;
  const progressTerminal = options.json ? silentTerminal() : context.err;
  const steps = new StepList(progressTerminal);
  const client = connect(options);
  const bundle = await bundleJob(file);
  const inputs = await Promise.all(
    options.input.map(async ({ key, file: from }) => ({ key, from, bytes: await readInputFile(from) })),
  );
  const jobId = await explainingSilence(options.url, async () => {
    for (const { key, from, bytes } of inputs) {
      await abortable(client.putObject(key, bytes), signal);
      steps.done("input uploaded", `${from} as ${key}, ${formatBytes(bytes.byteLength)}`);
    }
    const moduleId = await abortable(client.uploadModule(bundle.name, bundle.bytes), signal);
    steps.done("job uploaded", `${file}, ${formatBytes(bundle.bytes.byteLength)}`);
    const { parallelism, strict, fromSavepoint: savepointPath, allowNonRestoredState, claimMode } = options;
    const savepoint = savepointPath === undefined ? {} : { savepointPath, allowNonRestoredState, claimMode };
    const run = { parallelism, strict, ...savepoint, idempotencyKey: context.ids.hex() };
    return abortable(client.runModule(moduleId, run), signal);
  });
  if (options.detach) {
    if (options.json) context.out.line(JSON.stringify({ job: { id: jobId } }));
    else context.out.line(jobId);
    return;
  }
  progressTerminal.line(`  job ${jobId}`);
  const rows: string[] = [];
  let rowCount = 0;
  const onRow = (row: string): void => {
    rowCount += 1;
    if (options.json) rows.push(row);
    else context.out.line(row);
  };
  const job = await followToEnd({ context, client, jobId, progressTerminal, onRow });
  progressTerminal.clear();
  const note = [
    formatSeconds(job.duration),
    plural(job.checkpoints, "checkpoint"),
    plural(job.restarts, "restart"),
    // A job whose sinks write objects has no rows to show.
    ...(rowCount === 0 && job.recordsOut > 0 ? [] : [plural(rowCount, "row")]),
  ].join(", ");
  if (options.json) context.out.line(JSON.stringify({ job, rows: rows.map((row): unknown => JSON.parse(row)) }));
  if (job.state === "FINISHED") {
    steps.done(job.state, note);
    return;
  }
  steps.failed(job.state, note);
  throw new CliException(`The job ended ${job.state}${job.failure === null ? "." : `: ${job.failure}`}`, {
    details: `Its exceptions: curl ${client.url}/v1/jobs/${jobId}/exceptions`,
  });
}

interface Following {
  readonly context: CommandContext;
  readonly client: RestClient;
  readonly jobId: string;
  readonly progressTerminal: Terminal;
  readonly onRow: (row: string) => void;
}

async function followToEnd({ context, client, jobId, progressTerminal, onRow }: Following): Promise<SluiceJobInfo> {
  const { signal } = context;
  const progress = new JobProgress(progressTerminal);
  const printRows = async (): Promise<void> => {
    for await (const row of abortableElements(client.jobResults(jobId, { follow: true }), signal)) onRow(row);
  };
  try {
    const [job] = await Promise.all([
      followJob({
        client,
        jobId,
        clock: context.clock,
        signal,
        onProgress: (info, elapsed) => progress.show(info, elapsed),
      }),
      printRows(),
    ]);
    return job;
  } catch (error) {
    progressTerminal.clear();
    if (signal.aborted) await cancelIfRunning(client, jobId, progressTerminal);
    throw error;
  }
}

/** Best effort: the command is being interrupted, and its own end says so. */
async function cancelIfRunning(client: RestClient, jobId: string, terminal: Terminal): Promise<void> {
  try {
    if (isTerminalJobStatus((await client.requestJob(jobId)).state)) return;
    await client.cancelJob(jobId);
    terminal.line(`  job ${jobId} canceled`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    terminal.line(`  job ${jobId} could not be canceled: ${reason}`);
  }
}
