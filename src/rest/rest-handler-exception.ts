import { SluiceException } from "../common/exceptions.ts";
import type { ExceptionCode } from "../common/exceptions.ts";

/** Statuses that handlers answer errors with. */
export type ErrorStatus = 308 | 400 | 401 | 403 | 404 | 408 | 409 | 413 | 429 | 500 | 501 | 503 | 504;

/** A refusal whose status the handler chose (Flink `RestHandlerException`); its message goes to the client as it is. */
export class RestHandlerException extends SluiceException {
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, message: string, options: { readonly cause?: unknown } = {}) {
    super(CODES[status] ?? "INVALID_ARGUMENT", message, options);
    this.status = status;
  }
}

const CODES: { readonly [Status in ErrorStatus]?: ExceptionCode } = {
  404: "NOT_FOUND",
  408: "TIMEOUT",
  409: "CONFLICT",
  429: "QUOTA_EXCEEDED",
  500: "UNEXPECTED",
  501: "UNSUPPORTED_OPERATION",
  503: "UNAVAILABLE",
  504: "TIMEOUT",
};
