import { reviveAs, SluiceException } from "../common/exceptions.ts";
import type { ExceptionCode, SluiceExceptionOptions } from "../common/exceptions.ts";

type Options = SluiceExceptionOptions & { readonly remoteStack?: string };

/** Root of what can go wrong between two endpoints (Flink `RpcException`). */
export class RpcException extends SluiceException {
  constructor(message: string, options: Options = {}, code: ExceptionCode = "RPC") {
    super(code, message, options);
  }
}

/** No connection to the address can be made, or it broke; whether a request on it ran is unknown. */
export class RpcConnectionException extends RpcException {
  constructor(message: string, options: Options = {}, code: ExceptionCode = "RPC_CONNECTION") {
    super(message, options, code);
  }
}

/** The endpoint does not serve this gateway, or no version of it that the caller speaks. */
export class HandshakeException extends RpcConnectionException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "HANDSHAKE");
  }
}

/** There is no endpoint at the address: never created, terminated, or its activation ended with the call unanswered. */
export class RecipientUnreachableException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "RECIPIENT_UNREACHABLE");
  }
}

/** The call carried a token that is not the endpoint's. The expected token is not told. */
export class FencingTokenException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "FENCING_TOKEN");
  }
}

/** The endpoint exists but does not serve yet, or not any more. */
export class EndpointNotStartedException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "ENDPOINT_NOT_STARTED");
  }
}

/** The mailbox of the endpoint is full; nothing ran, the same call may succeed later. */
export class RpcOverloadedException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, { retryable: true, ...options }, "RPC_OVERLOADED");
  }
}

/** More hops than the platform can be trusted to carry. */
export class CallDepthException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "CALL_DEPTH");
  }
}

/** The caller does not want the result any more. Whether the request ran is unknown unless the message says so. */
export class CancellationException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "CANCELLED");
  }
}

/** A call of a turn that threw: it was never sent. */
export class TurnFailedException extends RpcException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "TURN_FAILED");
  }
}

/** Programming errors of a caller (Flink `RpcRuntimeException`). */
export class RpcRuntimeException extends SluiceException {
  constructor(message: string, options: Options = {}, code: ExceptionCode = "RPC_RUNTIME") {
    super(code, message, options);
  }
}

/** The endpoint cannot make sense of the message. */
export class UnknownMessageException extends RpcRuntimeException {
  constructor(message: string, options: Options = {}) {
    super(message, options, "UNKNOWN_MESSAGE");
  }
}

/** A lifecycle transition that does not exist. */
export class RpcInvalidStateException extends SluiceException {
  constructor(message: string, options: Options = {}) {
    super("RPC_INVALID_STATE", message, options);
  }
}

/** No reply within the time allowed. Whether the request ran is unknown unless the phase says otherwise. */
export class TimeoutException extends SluiceException {
  constructor(message: string, options: Options = {}) {
    super("TIMEOUT", message, options);
  }
}

/** A value outside the wire's closed list, or too large for it. */
export class SerializationException extends SluiceException {
  constructor(message: string, options: Options = {}) {
    super("SERIALIZATION", message, options);
  }
}

reviveAs("RPC", (message, options) => new RpcException(message, options));
reviveAs("RPC_CONNECTION", (message, options) => new RpcConnectionException(message, options));
reviveAs("HANDSHAKE", (message, options) => new HandshakeException(message, options));
reviveAs("RECIPIENT_UNREACHABLE", (message, options) => new RecipientUnreachableException(message, options));
reviveAs("FENCING_TOKEN", (message, options) => new FencingTokenException(message, options));
reviveAs("ENDPOINT_NOT_STARTED", (message, options) => new EndpointNotStartedException(message, options));
reviveAs("RPC_OVERLOADED", (message, options) => new RpcOverloadedException(message, options));
reviveAs("CALL_DEPTH", (message, options) => new CallDepthException(message, options));
reviveAs("CANCELLED", (message, options) => new CancellationException(message, options));
reviveAs("TURN_FAILED", (message, options) => new TurnFailedException(message, options));
reviveAs("RPC_RUNTIME", (message, options) => new RpcRuntimeException(message, options));
reviveAs("UNKNOWN_MESSAGE", (message, options) => new UnknownMessageException(message, options));
reviveAs("RPC_INVALID_STATE", (message, options) => new RpcInvalidStateException(message, options));
reviveAs("TIMEOUT", (message, options) => new TimeoutException(message, options));
reviveAs("SERIALIZATION", (message, options) => new SerializationException(message, options));
