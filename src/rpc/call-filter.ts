import type { SluiceException } from "../common/exceptions.ts";
import type { SenderIdentity } from "./fencing/epoch.ts";

/** What became of a call; of a tell at its sender, only that it left. */
export type CallResult = { readonly ok: true } | { readonly ok: false; readonly error: SluiceException };

/** Told once, when the call is over. Must not throw. */
export type CallObserver = (result: CallResult) => void;

interface FilteredCall {
  readonly kind: "ask" | "tell";
  readonly gateway: string;
  readonly method: string;
  /** Of the callee. */
  readonly address: string;
  /** Hops from the root event. */
  readonly depth: number;
}

/** A call as it leaves its caller. */
export interface OutgoingCall extends FilteredCall {
  /** Travels with the call and everything that it causes; a filter may set it. */
  trace: string | null;
}

/** A call as it is about to run. */
export interface IncomingCall extends FilteredCall {
  readonly args: readonly unknown[];
  readonly trace: string | null;
  /** The calling endpoint, if it is one. */
  readonly sender: SenderIdentity | undefined;
  /** How long it waited in the mailbox. */
  readonly waitedMillis: number;
}

/**
 * A function around calls: tracing, access, metrics. Filters run in the order given, their observers in reverse. One that
 * throws stops the call: an outgoing one fails at the caller, an incoming one is refused before its turn, and either way
 * nothing ran. Synchronous, as turns are.
 */
export type CallFilter<Call> = (call: Call) => CallObserver | undefined;
export type OutgoingCallFilter = CallFilter<OutgoingCall>;
export type IncomingCallFilter = CallFilter<IncomingCall>;

/** Filters of everything that one RpcService sends and hosts. */
export interface CallFilters {
  readonly outgoing?: readonly OutgoingCallFilter[];
  readonly incoming?: readonly IncomingCallFilter[];
}

/** Runs `filters` on `call`; when one throws, the observers of those before it are told, and the error goes on. */
export function applyFilters<Call>(
  filters: readonly CallFilter<Call>[],
  call: Call,
  exceptionOf: (thrown: unknown) => SluiceException,
): CallObserver {
  const observers: CallObserver[] = [];
  const observe: CallObserver = (result) => {
    for (const observer of observers.toReversed()) observer(result);
  };
  for (const filter of filters) {
    try {
      const observer = filter(call);
      if (observer !== undefined) observers.push(observer);
    } catch (thrown) {
      const error = exceptionOf(thrown);
      observe({ ok: false, error });
      throw error;
    }
  }
  return observe;
}
