import { SluiceException } from "../../common/exceptions.ts";
import {
  RecipientUnreachableException,
  RpcConnectionException,
  RpcException,
  RpcOverloadedException,
} from "../../rpc/exceptions.ts";
import type { SessionFailure } from "../../rpc/session/session-channel.ts";

/** What the platform puts on the errors of a call. */
interface PlatformError {
  readonly durableObjectReset?: unknown;
  readonly overloaded?: unknown;
  readonly retryable?: unknown;
  readonly remote?: unknown;
}

/**
 * A failed call on a stub as one of ours. `durableObjectReset` is looked at before `remote`, which some resets carry
 * too; an error without any of the platform's properties comes from a connection that a reset broke earlier.
 */
export function fromPlatformError(thrown: unknown, address: string): SluiceException {
  if (SluiceException.is(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const flags: PlatformError = typeof thrown === "object" && thrown !== null ? thrown : {};
  const options = { cause: thrown, retryable: true };
  if (flags.overloaded === true) return new RpcOverloadedException(`${address} is overloaded: ${message}`, options);
  if (flags.durableObjectReset === true) {
    return new RecipientUnreachableException(`${address} was reset: ${message}`, options);
  }
  if (flags.retryable === true)
    return new RpcConnectionException(`connection to ${address} failed: ${message}`, options);
  // The shell answers with error replies; what it throws instead is its own fault and would be thrown again.
  if (flags.remote === true)
    return new RpcException(`${address} failed outside of its endpoint: ${message}`, { cause: thrown });
  return new RpcConnectionException(`connection to ${address} broke: ${message}`, options);
}

/**
 * What the platform says to a call on a session whose object was reset before it: the call did not begin. The text is not
 * documented; a platform that says something else leaves it open whether the call began, which costs a failed call.
 */
const HOST_GONE = "The execution context which hosts this callback is no longer running";

/** A failed call on a session, or of its opening, and what it says of the messages it carried. */
export function sessionFailureOf(thrown: unknown, address: string): SessionFailure {
  const error = fromPlatformError(thrown, address);
  return { error, fate: fateOf(thrown) };
}

function fateOf(thrown: unknown): SessionFailure["fate"] {
  // Ours: the call could not be made, or its answer was none.
  if (SluiceException.is(thrown)) return "final";
  const flags: PlatformError = typeof thrown === "object" && thrown !== null ? thrown : {};
  if (flags.overloaded === true) return "final";
  if (flags.durableObjectReset === true) return "gone";
  if (flags.retryable === true) return "unknown";
  if (thrown instanceof Error && thrown.message.includes(HOST_GONE)) return "undelivered";
  return flags.remote === true ? "final" : "unknown";
}
