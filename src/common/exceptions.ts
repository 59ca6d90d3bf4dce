/**
 * Every exception code of the product and the exception's name (Flink's, where Flink has one). The list is closed: a
 * code that is not in it never crosses a border. Codes, not prototypes, identify an exception after it travelled.
 */
export const EXCEPTION_NAMES = {
  // general
  CONFLICT: "ConflictException",
  ILLEGAL_STATE: "IllegalStateException",
  INVALID_ARGUMENT: "InvalidArgumentException",
  NOT_FOUND: "NotFoundException",
  QUOTA_EXCEEDED: "QuotaExceededException",
  SERIALIZATION: "SerializationException",
  TIMEOUT: "TimeoutException",
  UNAVAILABLE: "UnavailableException",
  UNEXPECTED: "UnexpectedException",
  UNSUPPORTED_OPERATION: "UnsupportedOperationException",
  // RPC
  CALL_DEPTH: "CallDepthException",
  CANCELLED: "CancellationException",
  ENDPOINT_NOT_STARTED: "EndpointNotStartedException",
  FENCING_TOKEN: "FencingTokenException",
  HANDSHAKE: "HandshakeException",
  RECIPIENT_UNREACHABLE: "RecipientUnreachableException",
  RPC: "RpcException",
  RPC_CONNECTION: "RpcConnectionException",
  RPC_INVALID_STATE: "RpcInvalidStateException",
  RPC_OVERLOADED: "RpcOverloadedException",
  RPC_RUNTIME: "RpcRuntimeException",
  TURN_FAILED: "TurnFailedException",
  UNKNOWN_MESSAGE: "UnknownMessageException",
  // control plane
  CANCEL_TASK: "CancelTaskException",
  CHECKPOINT: "CheckpointException",
  DUPLICATE_JOB_SUBMISSION: "DuplicateJobSubmissionException",
  EXECUTION_GRAPH: "ExecutionGraphException",
  HEARTBEAT_TIMEOUT: "HeartbeatTimeoutException",
  INVALID_PROGRAM: "InvalidProgramException",
  JOB_CANCELLATION: "JobCancellationException",
  JOB_EXECUTION: "JobExecutionException",
  JOB_MASTER: "JobMasterException",
  JOB_NOT_FOUND: "JobNotFoundException",
  JOB_SUBMISSION: "JobSubmissionException",
  NO_RESOURCE_AVAILABLE: "NoResourceAvailableException",
  PARTITION_CONNECTION: "PartitionConnectionException",
  PROGRAM_INVOCATION: "ProgramInvocationException",
  RESOURCE_MANAGER: "ResourceManagerException",
  SLOT_OCCUPIED: "SlotOccupiedException",
  SUPPRESS_RESTARTS: "SuppressRestartsException",
  TASK_MANAGER: "TaskManagerException",
  TASK_NOT_RUNNING: "TaskNotRunningException",
  TASK_SUBMISSION: "TaskSubmissionException",
  TERMINATED_WITHOUT_CANCELLATION: "TerminatedWithoutCancellationException",
  // data plane
  STATE_MIGRATION: "StateMigrationException",
  USER_CODE: "UserCodeException",
} as const;

/** Machine-readable identity of a {@link SluiceException}. */
export type ExceptionCode = keyof typeof EXCEPTION_NAMES;

export interface SluiceExceptionOptions {
  readonly cause?: unknown;
  /** Default false. */
  readonly retryable?: boolean;
}

// Global, so that two copies of this module (or two isolates' revived data) recognise each other's exceptions.
const BRAND = Symbol.for("sluice.exception");
const MAX_CAUSE_DEPTH = 16;

/** Names of the language's own errors that survive the wire; any other foreign name becomes `Error`. */
const REVIVABLE_NAMES = new Set([
  "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError", "AggregateError",
  "AbortError", "DataCloneError",
]); // prettier-ignore

/**
 * Root of every exception that crosses a border of the product. Identify one by {@link SluiceException.is} and `code`;
 * `instanceof` works within one copy of the module, revived exceptions included.
 */
export class SluiceException extends Error {
  readonly code: ExceptionCode;
  /** Whether sending the same request again can help. The RPC layer itself never sends again. */
  readonly retryable: boolean;
  /** Stack of the side that threw, if the exception travelled. */
  readonly remoteStack: string | undefined;

  constructor(
    code: ExceptionCode,
    message: string,
    options: SluiceExceptionOptions & { readonly remoteStack?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = EXCEPTION_NAMES[code];
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.remoteStack = options.remoteStack;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether `value` is one of ours (from any copy of this module), with that `code` if one is given. */
  static is(value: unknown, code?: ExceptionCode): value is SluiceException {
    if (!(value instanceof Error) || !(BRAND in value)) return false;
    return code === undefined || ("code" in value && value.code === code);
  }
}

/** An exception as plain data: what travels in replies and what is stored. */
export interface ErrorData {
  readonly code: ExceptionCode;
  /** {@link EXCEPTION_NAMES} of the code; for `UNEXPECTED` the name of the language's error that was thrown. */
  readonly name: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly stack?: string;
  readonly cause?: ErrorData;
}

type Reviver = (
  message: string,
  options: SluiceExceptionOptions & { readonly remoteStack?: string },
) => SluiceException;
const revivers = new Map<ExceptionCode, Reviver>();

/**
 * Makes {@link fromErrorData} revive `code` as a subclass. Called once per code, next to the class.
 *
 * @throws Error if the code has a reviver already.
 */
export function reviveAs(code: ExceptionCode, reviver: Reviver): void {
  if (revivers.has(code)) throw new Error(`exception code ${code} has a class already`);
  revivers.set(code, reviver);
}

/** Any thrown value as data; total, whatever was thrown. Cause chains are cut after 16 links. */
export function toErrorData(error: unknown): ErrorData {
  return errorDataAt(error, 0);
}

function errorDataAt(error: unknown, depth: number): ErrorData {
  const exception = fromUnknown(error);
  const stack = exception.remoteStack ?? exception.stack;
  return {
    code: exception.code,
    name: exception.name,
    message: exception.message,
    retryable: exception.retryable,
    ...(stack === undefined ? {} : { stack }),
    ...(exception.cause === undefined || depth >= MAX_CAUSE_DEPTH
      ? {}
      : { cause: errorDataAt(exception.cause, depth + 1) }),
  };
}

/**
 * The exception that `data` describes, as the subclass of its code. The remote stack is kept beside the local one.
 * Total: data from a newer version with an unknown code becomes `UNEXPECTED` with the same message.
 */
export function fromErrorData(data: ErrorData): SluiceException {
  const code: ExceptionCode = Object.hasOwn(EXCEPTION_NAMES, data.code) ? data.code : "UNEXPECTED";
  const options = {
    retryable: data.retryable,
    ...(data.cause === undefined ? {} : { cause: fromErrorData(data.cause) }),
    ...(data.stack === undefined ? {} : { remoteStack: data.stack }),
  };
  const revive = revivers.get(code);
  const exception =
    revive === undefined ? new SluiceException(code, data.message, options) : revive(data.message, options);
  if (code === "UNEXPECTED") exception.name = revivableName(data.name);
  return exception;
}

/** Whether `value` has the shape of {@link ErrorData}; what receivers check before they revive. */
export function isErrorData(value: unknown): value is ErrorData {
  if (typeof value !== "object" || value === null) return false;
  const data: Partial<Record<keyof ErrorData, unknown>> = value;
  return (
    typeof data.code === "string" &&
    typeof data.name === "string" &&
    typeof data.message === "string" &&
    typeof data.retryable === "boolean" &&
    (data.stack === undefined || typeof data.stack === "string") &&
    (data.cause === undefined || isErrorData(data.cause))
  );
}

/**
 * Any thrown value as one of ours: itself if it is one, else `UNEXPECTED` with the same message, name, stack and cause.
 */
export function fromUnknown(error: unknown): SluiceException {
  if (SluiceException.is(error)) return error;
  if (!(error instanceof Error)) return new SluiceException("UNEXPECTED", describe(error));
  const exception = new SluiceException(
    "UNEXPECTED",
    error.message,
    error.cause === undefined ? {} : { cause: error.cause },
  );
  exception.name = revivableName(error.name);
  if (error.stack !== undefined) exception.stack = error.stack;
  return exception;
}

function revivableName(name: string): string {
  return REVIVABLE_NAMES.has(name) ? name : "Error";
}

function describe(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  return `thrown value that is no error: ${textOf(thrown)}`;
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "symbol" || typeof thrown === "bigint") return thrown.toString();
  try {
    return JSON.stringify(thrown) ?? typeof thrown;
  } catch {
    return typeof thrown;
  }
}
