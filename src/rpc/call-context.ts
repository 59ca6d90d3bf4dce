import type { Cancellation } from "./cancellation.ts";

/**
 * What a turn inherits from the message that caused it and hands on to the calls it makes.
 */
export interface CallContext {
  /** When the caller stops waiting, in local time; asks made in the turn wait no longer. */
  readonly deadlineMillis: number | undefined;
  /** Hops from the root event: 0 for timers and calls from outside. */
  readonly depth: number;
  /** Ids of the requests that wait for this turn, outermost first, its own last. */
  readonly chain: readonly string[];
  /** Opaque, handed on unchanged. */
  readonly trace: string | null;
  /** Whether the caller still wants the result; absent where there is no caller. Asks made in the turn end with it. */
  readonly cancellation?: Cancellation | undefined;
}

/** Context of work that no message caused. */
export const ROOT_CONTEXT: CallContext = { deadlineMillis: undefined, depth: 0, chain: [], trace: null };

/** Longest chain of calls; the platform's own limit is undocumented and not far above. */
export const MAX_CALL_DEPTH = 8;

/** `context` for work that outlives the request that started it: same depth and trace, no deadline, nobody waits. */
export function detached(context: CallContext): CallContext {
  return { deadlineMillis: undefined, depth: context.depth, chain: [], trace: context.trace };
}
