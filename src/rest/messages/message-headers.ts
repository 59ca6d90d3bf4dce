import type { z } from "zod";

export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Schemas by name: path parameters, query parameters. Each parses the text of one value. */
export type ParameterSchemas = Readonly<Record<string, z.ZodType>>;

/**
 * What a call touches, and so who may make it (contract: design 6, access).
 *
 * - `read`: metadata of the cluster and its jobs.
 * - `data`: what users stored or computed.
 * - `submit`: runs code, stores something or changes a job.
 */
export type AccessScope = "read" | "data" | "submit";

/**
 * What travels as a body. `json` is validated by the schema; the others are streams of bytes that the schema says nothing
 * about: `file` is an upload (multipart or raw), `bytes` an object, `ndjson` one JSON value per line.
 */
export type BodyKind = "json" | "file" | "bytes" | "ndjson";

/**
 * One call of the REST API, declared once (Flink `MessageHeaders`): the source of the server's routing and validation, of the
 * client's types, and of the golden snapshot.
 */
export interface MessageHeaders<
  Path extends ParameterSchemas = ParameterSchemas,
  Query extends ParameterSchemas = ParameterSchemas,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  /** Flink's name of the headers class where Flink has the call. */
  readonly name: string;
  readonly method: HttpMethod;
  /** Without version; a parameter is a segment `:name`, `:name*` takes all that follows. */
  readonly url: `/${string}`;
  readonly status: 200 | 202;
  readonly description: string;
  readonly scope: AccessScope;
  readonly path: Path;
  readonly query: Query;
  /** Name of the body's type, for messages. */
  readonly requestName: string;
  readonly requestKind: BodyKind;
  readonly request: Body;
  readonly responseKind: BodyKind;
  readonly response: Answer;
}

export type PathOf<H extends MessageHeaders> = { [Key in keyof H["path"]]: z.output<H["path"][Key]> };
export type QueryOf<H extends MessageHeaders> = { [Key in keyof H["query"]]: z.output<H["query"][Key]> };
export type RequestOf<H extends MessageHeaders> = z.output<H["request"]>;
export type RequestInputOf<H extends MessageHeaders> = z.input<H["request"]>;
export type ResponseOf<H extends MessageHeaders> = z.output<H["response"]>;
