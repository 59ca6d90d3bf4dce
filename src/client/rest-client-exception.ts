import { SluiceException } from "../common/exceptions.ts";
import type { ExceptionCode } from "../common/exceptions.ts";

/** An error answer of the server (Flink `RestClientException`). The message is the server's first string. */
export class RestClientException extends SluiceException {
  readonly status: number;
  readonly errors: readonly string[];

  constructor(status: number, errors: readonly string[]) {
    super(CODES[status] ?? "UNEXPECTED", errors[0] ?? `The server answered ${status}.`, { retryable: status === 503 });
    this.status = status;
    this.errors = errors;
  }
}

const CODES: Readonly<Record<number, ExceptionCode>> = {
  400: "INVALID_ARGUMENT",
  404: "NOT_FOUND",
  409: "CONFLICT",
  429: "QUOTA_EXCEEDED",
  503: "UNAVAILABLE",
};
