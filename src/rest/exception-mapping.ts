import { fromUnknown } from "../common/exceptions.ts";
import type { ExceptionCode } from "../common/exceptions.ts";
import { RestHandlerException } from "./rest-handler-exception.ts";
import type { ErrorStatus } from "./rest-handler-exception.ts";

/** What a failure looks like outside. */
export interface ErrorAnswer {
  readonly status: ErrorStatus;
  readonly errors: readonly string[];
}

/**
 * Codes whose message was written for the client. Anything else is a fault of the server: 500 in Flink's two-string form.
 * 503 says that the same request may succeed soon; Flink's client then retries by itself.
 */
const STATUSES: { readonly [Code in ExceptionCode]?: ErrorStatus } = {
  INVALID_ARGUMENT: 400,
  INVALID_PROGRAM: 400,
  PROGRAM_INVOCATION: 400,
  USER_CODE: 400,
  JOB_NOT_FOUND: 404,
  NOT_FOUND: 404,
  CONFLICT: 409,
  DUPLICATE_JOB_SUBMISSION: 409,
  TERMINATED_WITHOUT_CANCELLATION: 409,
  QUOTA_EXCEEDED: 429,
  UNSUPPORTED_OPERATION: 501,
  ENDPOINT_NOT_STARTED: 503,
  FENCING_TOKEN: 503,
  HANDSHAKE: 503,
  RECIPIENT_UNREACHABLE: 503,
  RPC_CONNECTION: 503,
  RPC_OVERLOADED: 503,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
};

/** Total: any thrown value has an answer. */
export function toErrorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof RestHandlerException) return { status: error.status, errors: [error.message] };
  const exception = fromUnknown(error);
  const status = STATUSES[exception.code];
  if (status !== undefined) return { status, errors: [exception.message] };
  const trace = exception.remoteStack ?? exception.stack ?? `${exception.name}: ${exception.message}`;
  return {
    status: 500,
    errors: ["Internal server error.", `<Exception on server side:\n${trace}\nEnd of exception on server side>`],
  };
}
