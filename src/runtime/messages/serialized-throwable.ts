import { fromUnknown, SluiceException } from "../../common/exceptions.ts";

/** A failure as data: what crosses component borders and is shown in the exception history. */
export interface SerializedThrowable {
  /** Class or error name, such as `TypeError`. */
  readonly name: string;
  readonly message: string;
  /** Stack as text, first line `<name>: <message>`. */
  readonly stack: string;
  /** Closed code if it was one of ours. */
  readonly code?: string;
  /** No restart strategy is asked for it (Flink: NonRecoverableError). */
  readonly nonRecoverable?: boolean;
  /**
   * The platform's doing, not the job's (memory of a TaskExecutor lost, a deploy): a restart it causes is not charged to
   * the job's restart strategy.
   */
  readonly infrastructure?: boolean;
}

/** Longest stack and message kept; a failure is stored, sent and shown many times. */
export const MAX_THROWABLE_CHARACTERS = 16_384;

/** What the thrower knows about a failure beside the error itself. */
export type ThrowableTraits = Pick<SerializedThrowable, "nonRecoverable" | "infrastructure">;

/**
 * Any thrown value as data, its cause chain within the stack's text (as Java prints it). One with a SUPPRESS_RESTARTS in
 * the chain is not recoverable (contract FO-12). Total.
 */
export function serializeThrowable(error: unknown, traits: ThrowableTraits = {}): SerializedThrowable {
  const exception = fromUnknown(error);
  const lines: string[] = [];
  let suppressed = false;
  let link: unknown = exception;
  for (let depth = 0; link instanceof Error && depth < 16; depth += 1) {
    const remote = "remoteStack" in link && typeof link.remoteStack === "string" ? link.remoteStack : undefined;
    const head = `${link.name}: ${link.message}`;
    suppressed ||= SluiceException.is(link, "SUPPRESS_RESTARTS");
    lines.push((depth === 0 ? "" : "Caused by: ") + stackFrom(head, remote ?? link.stack));
    link = link.cause;
  }
  return {
    name: exception.name,
    message: exception.message.slice(0, MAX_THROWABLE_CHARACTERS),
    stack: lines.join("\n").slice(0, MAX_THROWABLE_CHARACTERS),
    ...(exception.code === "UNEXPECTED" ? {} : { code: exception.code }),
    ...(suppressed ? { nonRecoverable: true } : {}),
    ...traits,
  };
}

/** Engines print the name the error had when it was made; ours is set afterwards. */
function stackFrom(head: string, stack: string | undefined): string {
  const frames = stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
  return [head, ...frames].join("\n");
}
