/** What ends a command with a plain message: what happened, where, what to do. Never shown with a stack. */
export class CliException extends Error {
  readonly exitCode: number;
  /** More than one line, shown after the message: a tail of a log, a list of faults. */
  readonly details: string | undefined;

  constructor(
    message: string,
    options: { readonly exitCode?: number; readonly details?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CliException";
    this.exitCode = options.exitCode ?? EXIT_FAILURE;
    this.details = options.details;
  }
}

export const EXIT_FAILURE = 1;
/** The command line itself is wrong. */
export const EXIT_USAGE = 2;
/** 128 + SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;
