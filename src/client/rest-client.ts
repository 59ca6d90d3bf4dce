import { SluiceException } from "../common/exceptions.ts";
import { ErrorResponseBody } from "../rest/messages/error-body.ts";
import { JarRunHeaders, JarUploadHeaders, type RecoveryClaimModeInfo } from "../rest/messages/jar-messages.ts";
import { JobCancellationHeaders } from "../rest/messages/job-messages.ts";
import type { MessageHeaders, RequestInputOf, ResponseOf } from "../rest/messages/message-headers.ts";
import { JobResultsHeaders, ObjectPutHeaders, SluiceJobHeaders } from "../rest/messages/sluice-messages.ts";
import type { SluiceJobInfo } from "../rest/messages/sluice-messages.ts";
import { RestClientException } from "./rest-client-exception.ts";

export interface RestClientOptions {
  /** Address of the worker, such as `http://localhost:8787`; a path is kept as a prefix. */
  readonly url: string;
  readonly token?: string;
  /** Default: the server's `default`. */
  readonly cluster?: string;
}

/** The variable parts of a call; everything else is in its headers object. */
export interface RestCall<H extends MessageHeaders> {
  readonly path?: { readonly [Key in keyof H["path"]]: string | number };
  readonly query?: { readonly [Key in keyof H["query"]]?: string | number | boolean | undefined };
  /** JSON, for calls whose request is. */
  readonly body?: RequestInputOf<H>;
  /** Anything else. */
  readonly rawBody?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  readonly parallelism?: number | undefined;
  readonly strict?: boolean | undefined;
  /** What the job starts from. */
  readonly savepointPath?: string | undefined;
  readonly allowNonRestoredState?: boolean | undefined;
  readonly claimMode?: RecoveryClaimModeInfo | undefined;
  /** Sending the run again under the same key starts no second job. */
  readonly idempotencyKey?: string | undefined;
}

/** A typed client of the REST API (Flink `RestClusterClient`). Sends nothing twice by itself. */
export class RestClient {
  /** Without a slash at its end. */
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws INVALID_ARGUMENT if the url is none. */
  constructor({ url, token, cluster }: RestClientOptions) {
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw new SluiceException("INVALID_ARGUMENT", `url: expected http://host:port or https://host, got "${url}"`);
    }
    this.url = url.replace(/\/+$/, "");
    this.#headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(cluster === undefined ? {} : { "sluice-cluster": cluster }),
    };
  }

  /**
   * @throws RestClientException for an error answer, UNAVAILABLE (retryable) if nobody answers, UNEXPECTED if the answer is not
   *   what the headers promise.
   */
  async call<H extends MessageHeaders>(headers: H, call: RestCall<H> = {}): Promise<ResponseOf<H>> {
    const text = await (await this.send(headers, call)).text();
    try {
      // `response` is the schema that `ResponseOf` is computed from; parse sees only its erased type.
      return headers.response.parse(JSON.parse(text)) as ResponseOf<H>;
    } catch (error) {
      const shown = text.slice(0, 200);
      throw new SluiceException(
        "UNEXPECTED",
        `${headers.method} ${headers.url} answered something else than its ${headers.name} say: ${shown}`,
        {
          cause: error,
        },
      );
    }
  }

  /** The answer as it comes, for calls whose response is not JSON. @throws as {@link call} */
  async send<H extends MessageHeaders>(headers: H, call: RestCall<H> = {}): Promise<Response> {
    const response = await this.#fetch(this.#urlOf(headers, call), {
      method: headers.method,
      headers: {
        ...this.#headers,
        ...(call.body === undefined ? {} : { "content-type": "application/json; charset=UTF-8" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.rawBody === undefined ? {} : { body: call.rawBody }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    if (response.ok) return response;
    throw new RestClientException(response.status, errorsOf(await response.text()));
  }

  /** @returns id of the uploaded module. */
  async uploadModule(name: string, bytes: Uint8Array): Promise<string> {
    const form = new FormData();
    form.append("jarfile", new File([bytes], name, { type: "text/javascript" }));
    const { filename } = await this.call(JarUploadHeaders, { rawBody: form });
    return filename.slice(filename.lastIndexOf("/") + 1);
  }

  /** @returns id of the job. */
  async runModule(moduleId: string, options: RunOptions = {}): Promise<string> {
    const { strict, idempotencyKey, ...body } = options;
    const { jobid } = await this.call(JarRunHeaders, {
      path: { jarid: moduleId },
      query: { strict },
      body,
      ...(idempotencyKey === undefined ? {} : { headers: { "idempotency-key": idempotencyKey } }),
    });
    return jobid;
  }

  async putObject(key: string, bytes: Uint8Array): Promise<void> {
    await this.call(ObjectPutHeaders, { path: { key }, rawBody: bytes });
  }

  async requestJob(jobId: string): Promise<SluiceJobInfo> {
    return this.call(SluiceJobHeaders, { path: { jobid: jobId } });
  }

  async cancelJob(jobId: string): Promise<void> {
    await this.call(JobCancellationHeaders, { path: { jobid: jobId } });
  }

  /** Committed rows, one text of JSON each. @param follow until the job is terminal. */
  async *jobResults(jobId: string, { follow }: { readonly follow: boolean }): AsyncGenerator<string, void, undefined> {
    const { body } = await this.send(JobResultsHeaders, { path: { jobid: jobId }, query: { follow } });
    if (body === null) return;
    let rest = "";
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  }

  #urlOf<H extends MessageHeaders>(headers: H, { path, query }: RestCall<H>): string {
    const values: Readonly<Record<string, string | number>> = path ?? {};
    const resolved = headers.url.replace(/:(\w+)\*?/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined)
        throw new SluiceException("INVALID_ARGUMENT", `path parameter ${name} of ${headers.url} is missing`);
      return encodeURIComponent(value);
    });
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) search.append(name, String(value));
    }
    return `${this.url}/v1${resolved}${search.size === 0 ? "" : `?${search.toString()}`}`;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      init.signal?.throwIfAborted();
      throw new SluiceException("UNAVAILABLE", `Nothing answers at ${this.url}.`, { cause: error, retryable: true });
    }
  }
}

function errorsOf(text: string): readonly string[] {
  try {
    return ErrorResponseBody.parse(JSON.parse(text)).errors;
  } catch {
    return [text.trim().slice(0, 500)].filter((line) => line !== "");
  }
}
