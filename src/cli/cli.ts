import { resolve } from "node:path";
import { Command, CommanderError, Help, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../common/clock.ts";
import { systemIds } from "../common/ids.ts";
import { SluiceException } from "../common/exceptions.ts";
import { SLUICE_VERSION } from "../common/version.ts";
import { RECOVERY_CLAIM_MODES } from "../rest/messages/jar-messages.ts";
import { PARALLELISM_LIMIT } from "../rest/messages/parameters.ts";
import { CliException, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE } from "./cli-exception.ts";
import type { CommandContext } from "./command-context.ts";
import { demo } from "./demo.ts";
import { dev } from "./dev.ts";
import { cancel, checkpoint, disposeSavepoint, list, savepoint, stop } from "./job-commands.ts";
import type { JobCommandOptions } from "./job-commands.ts";
import type { ConnectionOptions } from "./platform-connection.ts";
import { submit } from "./submit.ts";
import type { InputObject } from "./submit.ts";
import { Terminal } from "./terminal.ts";

const DEFAULT_PORT = 8787;
const MAX_PORT = 65_535;
const NOTHING_BY_DEFAULT = / \(default: (?:false|\[\])\)$/;
const REPOSITORY_ROOT = resolve(import.meta.dirname, "../..");

/**
 * Runs one command and ends the process's work with an exit code: 0 done, 1 failed, 2 wrong command line, 130 interrupted. The
 * one place that touches the process: signals, standard streams, exit code.
 */
export async function runCli(argv: readonly string[]): Promise<void> {
  const interruption = new AbortController();
  const out = new Terminal(process.stdout, process.stdout.isTTY && process.env["TERM"] !== "dumb");
  const err = new Terminal(process.stderr, process.stderr.isTTY && process.env["TERM"] !== "dumb");
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // A second one takes its default course: the process ends at once, and the exit hook kills what it started.
    process.once(name, () => {
      err.clear();
      out.clear();
      err.line(`Interrupted (${name}), stopping what was started.`);
      interruption.abort(new CliException("Stopped.", { exitCode: EXIT_INTERRUPTED }));
      process.once(name, () => process.exit(EXIT_INTERRUPTED));
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that left (`| head`) is no fault, but there is nobody to work for any more.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      interruption.abort(new CliException("", { exitCode: 0 }));
    });
  }
  const context: CommandContext = {
    out,
    err,
    signal: interruption.signal,
    root: REPOSITORY_ROOT,
    clock: systemClock,
    ids: systemIds,
    environment: process.env,
  };
  try {
    await createProgram(context).parseAsync([...argv], { from: "user" });
  } catch (error) {
    const interrupted = interruption.signal.aborted;
    process.exitCode = reportFailure(context, interrupted ? interruption.signal.reason : error);
    // Requests that were left behind would keep the process alive.
    if (interrupted) process.exit();
  }
}

/** @returns the exit code. */
function reportFailure({ err }: CommandContext, error: unknown): number {
  err.clear();
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof CliException) {
    if (error.message !== "") err.line(error.message);
    if (error.details !== undefined) err.line(error.details);
    return error.exitCode;
  }
  if (SluiceException.is(error)) {
    err.line(error.message);
    return EXIT_FAILURE;
  }
  err.line(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT_FAILURE;
}

/** The commands, bound to their context. */
export function createProgram(context: CommandContext): Command {
  const { environment } = context;
  const program = new Command("sluice")
    .description("Stream processing on Durable Objects.")
    .version(SLUICE_VERSION)
    .exitOverride()
    // That a switch is off unless it is given needs no saying.
    .configureHelp({
      optionDescription: (option) => new Help().optionDescription(option).replace(NOTHING_BY_DEFAULT, ""),
    })
    .configureOutput({
      writeOut: (text) => context.out.line(text.trimEnd()),
      writeErr: (text) => context.err.line(text.trimEnd()),
    })
    .addHelpText("after", examples("npm run sluice -- submit --help", "npm run sluice -- list --all"));

  program
    .command("demo")
    .description("Runs the earthquakes example on a local worker of its own and shows the result.")
    .option("--port <port>", "port of the worker (default: a free one)", parsePort)
    .option("--kill", "kill the worker in the middle of the job, start it again, and get the same rows", false)
    .option("--json", "print only the job and its rows, as JSON", false)
    .option("--keep", "leave the worker running until Ctrl-C", false)
    .addHelpText("after", examples("npm run demo", "npm run demo -- --kill", "npm run demo -- --json > result.json"))
    .action((options: Parameters<typeof demo>[1]) => demo(context, options));

  program
    .command("dev")
    .description("Serves the platform in local workerd until Ctrl-C.")
    .option("--port <port>", "port to listen on", parsePort, DEFAULT_PORT)
    .option("--state <folder>", "where jobs, objects and checkpoints are kept", ".wrangler/sluice-dev")
    .addHelpText("after", examples("npm run dev", "npm run dev -- --port 8788"))
    .action((options: Parameters<typeof dev>[1]) => dev(context, options));

  connectionOptions(program.command("submit"), context)
    .description("Bundles, uploads, runs and follows a job; prints its committed rows.")
    .argument("<file>", "the job module (.ts, .mts, .js, .mjs)")
    .option("--parallelism <n>", "parallelism instead of the job's own", parseParallelism)
    .option("--input <key=file>", "upload a file as an object first; may be repeated", collectInput, [])
    .option("-s, --from-savepoint <path>", "start from this savepoint, or a retained checkpoint")
    .option("--allow-non-restored-state", "drop state of operators that the job no longer has")
    .addOption(new Option("--claim-mode <mode>", "whose the savepoint is then").choices(RECOVERY_CLAIM_MODES))
    .option("--strict", "take warnings about the job's graph for errors", false)
    .option("--json", "print only the job and its rows, as JSON", false)
    .option("--detach", "print the job's id and leave it running", false)
    .addHelpText(
      "after",
      examples(
        "npm run submit -- my-job.ts",
        "npm run submit -- my-job.ts --input quakes.ndjson=data/quakes.ndjson --parallelism 2",
        "npm run submit -- my-job.ts --from-savepoint savepoints/savepoint-7c0d4a-0123456789ab",
        "npm run submit -- my-job.ts --url https://sluice.example.workers.dev --json",
      ),
    )
    .action((file: string, options: Parameters<typeof submit>[2]) =>
      submit(context, file, { ...options, token: options.token ?? environment["SLUICE_TOKEN"] }),
    );

  addJobCommands(program, context);
  return program;
}

/** The verbs about jobs that are there already. */
function addJobCommands(program: Command, context: CommandContext): void {
  const withToken = <Options extends ConnectionOptions>(options: Options): Options => ({
    ...options,
    token: options.token ?? context.environment["SLUICE_TOKEN"],
  });
  const verb = (name: string, description: string): Command =>
    connectionOptions(program.command(name).description(description), context).option("--json", "print JSON", false);

  verb("list", "Lists jobs.")
    .option("-a, --all", "ended ones, too", false)
    .action((options: Parameters<typeof list>[1]) => list(context, withToken(options)));

  verb("cancel", "Cancels a job.")
    .argument("<job>", "its id")
    .option("-s, --savepoint [directory]", "take a savepoint first; if that fails, the job goes on")
    .action((jobId: string, options: Parameters<typeof cancel>[2]) => cancel(context, jobId, withToken(options)));

  verb("stop", "Ends a job with a savepoint, and prints where that lies.")
    .argument("<job>", "its id")
    .option("-p, --savepoint-path <directory>", "where the savepoint gets its own directory")
    .option("-d, --drain", "end the input first: timers fire, windows close; not for a job that is to go on", false)
    .action((jobId: string, options: Parameters<typeof stop>[2]) => stop(context, jobId, withToken(options)));

  verb("savepoint", "Takes a savepoint and prints where it lies; or deletes one.")
    .argument("[job]", "its id")
    .argument("[directory]", "where the savepoint gets its own directory")
    .option("-d, --dispose <path>", "delete this savepoint")
    .action((jobId: string | undefined, directory: string | undefined, options: SavepointArguments) => {
      if (options.dispose !== undefined) return disposeSavepoint(context, options.dispose, withToken(options));
      if (jobId === undefined) throw new InvalidArgumentError("Expected a job, or --dispose and a savepoint.");
      return savepoint(context, jobId, { ...withToken(options), directory });
    });

  verb("checkpoint", "Takes a checkpoint now.")
    .argument("<job>", "its id")
    .action((jobId: string, options: JobCommandOptions) => checkpoint(context, jobId, withToken(options)));
}

type SavepointArguments = JobCommandOptions & { readonly dispose?: string };

function connectionOptions(command: Command, { environment }: CommandContext): Command {
  return command
    .option("--url <url>", "address of the platform", environment["SLUICE_URL"] ?? `http://localhost:${DEFAULT_PORT}`)
    .option("--token <token>", "access token (default: $SLUICE_TOKEN)")
    .option("--cluster <name>", "cluster of the job");
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

function parsePort(text: string): number {
  return parseInteger(text, MAX_PORT);
}

function parseParallelism(text: string): number {
  return parseInteger(text, PARALLELISM_LIMIT);
}

function parseInteger(text: string, maximum: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > maximum) {
    throw new InvalidArgumentError(`Expected an integer from 1 to ${maximum}.`);
  }
  return value;
}

function collectInput(text: string, collected: readonly InputObject[]): readonly InputObject[] {
  const equals = text.indexOf("=");
  if (equals <= 0 || equals === text.length - 1) throw new InvalidArgumentError("Expected key=file.");
  return [...collected, { key: text.slice(0, equals), file: text.slice(equals + 1) }];
}
