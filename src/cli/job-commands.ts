import type { z } from "zod";
import type { RestClient } from "../client/rest-client.ts";
import { sleep } from "../common/sleep.ts";
import { CheckpointStatusHeaders, CheckpointTriggerHeaders } from "../rest/messages/checkpoint-messages.ts";
import { JobsOverviewHeaders } from "../rest/messages/job-messages.ts";
import {
  SavepointDisposalStatusHeaders,
  SavepointDisposalTriggerHeaders,
  SavepointStatusHeaders,
  SavepointTriggerHeaders,
  StopWithSavepointHeaders,
  type FailureCause,
} from "../rest/messages/savepoint-messages.ts";
import { isTerminalJobStatus } from "../rest/messages/states.ts";
import { abortable } from "./abortable.ts";
import { CliException } from "./cli-exception.ts";
import type { CommandContext } from "./command-context.ts";
import { connect, explainingSilence, type ConnectionOptions } from "./platform-connection.ts";

const POLL_INTERVAL_MILLIS = 250;
const STATE_WIDTH = "INITIALIZING".length;

export interface JobCommandOptions extends ConnectionOptions {
  readonly json: boolean;
}

/** What a command prints, in either form. */
interface CommandResult {
  readonly json: unknown;
  readonly lines: readonly string[];
}

/** Jobs of the cluster, newest first; ended ones only with `all`. */
export async function list(
  context: CommandContext,
  options: JobCommandOptions & { readonly all: boolean },
): Promise<void> {
  await run(context, options, async (client) => {
    const { jobs } = await client.call(JobsOverviewHeaders);
    const shown = jobs.filter(({ state }) => options.all || !isTerminalJobStatus(state));
    const lines = shown.map((job) => {
      const started = new Date(job["start-time"]).toISOString();
      return `${job.jid}  ${job.state.padEnd(STATE_WIDTH)}  ${started}  ${job.name}`;
    });
    const none = options.all ? "No jobs." : "No running jobs. --all shows those that have ended.";
    return { json: { jobs: shown }, lines: lines.length === 0 ? [none] : lines };
  });
}

/** Cancels a job; with `savepoint` only once a savepoint in that directory (true: the default one) is complete. */
export async function cancel(
  context: CommandContext,
  jobId: string,
  options: JobCommandOptions & { readonly savepoint?: string | true | undefined },
): Promise<void> {
  await run(context, options, async (client) => {
    const { savepoint: directory } = options;
    if (directory === undefined) {
      await client.cancelJob(jobId);
      return { json: { job: jobId }, lines: [`job ${jobId} is being canceled`] };
    }
    const body = { "cancel-job": true, ...(directory === true ? {} : { "target-directory": directory }) };
    const begun = client.call(SavepointTriggerHeaders, { path: { jobid: jobId }, body });
    return savepointResult(context, { client, jobId, triggerId: (await begun)["request-id"] });
  });
}

export async function savepoint(
  context: CommandContext,
  jobId: string,
  options: JobCommandOptions & { readonly directory?: string | undefined },
): Promise<void> {
  await run(context, options, async (client) => {
    const body = options.directory === undefined ? {} : { "target-directory": options.directory };
    const begun = client.call(SavepointTriggerHeaders, { path: { jobid: jobId }, body });
    return savepointResult(context, { client, jobId, triggerId: (await begun)["request-id"] });
  });
}

/** Ends a job with a savepoint. */
export async function stop(
  context: CommandContext,
  jobId: string,
  options: JobCommandOptions & { readonly savepointPath?: string | undefined; readonly drain: boolean },
): Promise<void> {
  await run(context, options, async (client) => {
    const { savepointPath: targetDirectory, drain } = options;
    const body = { drain, ...(targetDirectory === undefined ? {} : { targetDirectory }) };
    const begun = client.call(StopWithSavepointHeaders, { path: { jobid: jobId }, body });
    return savepointResult(context, { client, jobId, triggerId: (await begun)["request-id"] });
  });
}

export async function checkpoint(context: CommandContext, jobId: string, options: JobCommandOptions): Promise<void> {
  await run(context, options, async (client) => {
    const begun = await client.call(CheckpointTriggerHeaders, { path: { jobid: jobId }, body: {} });
    const path = { jobid: jobId, triggerid: begun["request-id"] };
    const operation = await outcome(context, () => client.call(CheckpointStatusHeaders, { path }));
    requireSuccess("The checkpoint failed", operation.failureCause);
    const { checkpointId } = operation;
    return { json: { job: jobId, checkpointId }, lines: [`checkpoint ${checkpointId} is complete`] };
  });
}

/** Deletes a savepoint. */
export async function disposeSavepoint(
  context: CommandContext,
  path: string,
  options: JobCommandOptions,
): Promise<void> {
  await run(context, options, async (client) => {
    const begun = await client.call(SavepointDisposalTriggerHeaders, { body: { "savepoint-path": path } });
    const triggerid = begun["request-id"];
    const operation = await outcome(context, () =>
      client.call(SavepointDisposalStatusHeaders, { path: { triggerid } }),
    );
    requireSuccess("The savepoint was not deleted", operation["failure-cause"]);
    return { json: { disposed: path }, lines: [`${path} is deleted`] };
  });
}

async function savepointResult(
  context: CommandContext,
  { client, jobId, triggerId }: { readonly client: RestClient; readonly jobId: string; readonly triggerId: string },
): Promise<CommandResult> {
  const path = { jobid: jobId, triggerid: triggerId };
  const operation = await outcome(context, () => client.call(SavepointStatusHeaders, { path }));
  requireSuccess("The savepoint failed", operation["failure-cause"]);
  const { location = "" } = operation;
  return { json: { job: jobId, location }, lines: [location] };
}

/** Asks until the operation has ended. */
async function outcome<Operation>(
  { clock, signal }: CommandContext,
  ask: () => Promise<{ readonly operation: Operation | null }>,
): Promise<Operation> {
  for (;;) {
    const { operation } = await ask();
    if (operation !== null) return operation;
    await sleep(clock, POLL_INTERVAL_MILLIS, signal);
  }
}

function requireSuccess(what: string, failure: z.output<typeof FailureCause> | undefined): void {
  if (failure === undefined) return;
  const [first = failure.class] = failure["stack-trace"].split("\n");
  throw new CliException(`${what}: ${first.replace(/^\w+: /, "")}`);
}

async function run(
  { out, signal }: CommandContext,
  options: JobCommandOptions,
  body: (client: RestClient) => Promise<CommandResult>,
): Promise<void> {
  const result = await explainingSilence(options.url, () => abortable(body(connect(options)), signal));
  if (options.json) out.line(JSON.stringify(result.json));
  else for (const line of result.lines) out.line(line);
}
