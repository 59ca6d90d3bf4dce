import { fromUnknown, SluiceException, toErrorData } from "../../common/exceptions.ts";
import type { ErrorData, ExceptionCode } from "../../common/exceptions.ts";

export type RefusalStatus = 400 | 401 | 405 | 413 | 415 | 500;

const CODES: Readonly<Record<RefusalStatus, ExceptionCode>> = {
  400: "UNKNOWN_MESSAGE",
  401: "RPC_CONNECTION",
  405: "UNKNOWN_MESSAGE",
  413: "SERIALIZATION",
  415: "UNKNOWN_MESSAGE",
  500: "UNEXPECTED",
};

/** A whole request that is refused: no call of it ran. */
export class HttpRefusal extends SluiceException {
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, message: string) {
    super(CODES[status], message);
    this.status = status;
  }

  /** Total: any thrown value has an answer. */
  static from(error: unknown): HttpRefusal {
    if (error instanceof HttpRefusal) return error;
    const exception = fromUnknown(error);
    return new HttpRefusal(exception.code === "UNKNOWN_MESSAGE" ? 400 : 500, exception.message);
  }

  /** What its response says. */
  body(): { readonly errors: readonly string[]; readonly exception: Omit<ErrorData, "stack"> } {
    const { stack: _ours, ...exception } = toErrorData(this);
    return { errors: [this.message], exception };
  }

  response(): Response {
    const headers = this.status === 401 ? { "www-authenticate": "Bearer" } : undefined;
    return Response.json(this.body(), { status: this.status, ...(headers === undefined ? {} : { headers }) });
  }
}
