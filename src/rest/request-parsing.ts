import type { z } from "zod";
import type { MessageHeaders, ParameterSchemas, PathOf, QueryOf, RequestOf } from "./messages/message-headers.ts";
import { readBody } from "./request-body.ts";
import { RestHandlerException } from "./rest-handler-exception.ts";

const JSON_BODY_LIMIT_BYTES = 1024 * 1024;
const SHOWN_VALUE_LIMIT = 100;

/** @throws RestHandlerException 400 naming parameter and value (contract: rest-v1 6.1). */
export function parsePath<H extends MessageHeaders>(headers: H, texts: Readonly<Record<string, string>>): PathOf<H> {
  return parseParameters<PathOf<H>>(headers.path, "path", (name) => texts[name] ?? "");
}

/** A parameter given twice is refused; unknown ones are ignored. @throws as {@link parsePath} */
export function parseQuery<H extends MessageHeaders>(headers: H, url: URL): QueryOf<H> {
  return parseParameters<QueryOf<H>>(headers.query, "query", (name) => {
    const values = url.searchParams.getAll(name);
    if (values.length > 1) {
      throw new RestHandlerException(400, `Query parameter ${name}: Expected only one value [${values.join(", ")}].`);
    }
    return values[0];
  });
}

function parseParameters<Parsed>(
  schemas: ParameterSchemas,
  kind: "path" | "query",
  textOf: (name: string) => string | undefined,
): Parsed {
  const parsed: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const text = textOf(name);
    const result = schema.safeParse(text);
    if (!result.success) {
      const expected = result.error.issues[0]?.message ?? "";
      throw new RestHandlerException(
        400,
        `Bad request, could not parse parameters: Cannot resolve ${kind} parameter (${name}) from value "${shorten(text ?? "")}". ` +
          `${expected.charAt(0).toUpperCase()}${expected.slice(1)}.`,
      );
    }
    parsed[name] = result.data;
  }
  // Built key by key from the very schemas that `Parsed` is computed from.
  return parsed as Parsed;
}

/**
 * The JSON body. An empty one, and whatever a GET carries (Flink's CLI sends `{}`), counts as `{}`.
 *
 * @throws RestHandlerException 400 naming field and value, 413.
 */
export async function parseJsonBody<H extends MessageHeaders>(headers: H, request: Request): Promise<ParsedBody<H>> {
  if (request.headers.get("content-type")?.toLowerCase().startsWith("multipart/")) {
    throw new RestHandlerException(400, "File upload not allowed");
  }
  const value = request.method === "GET" ? {} : parseJson(headers, await readBody(request, JSON_BODY_LIMIT_BYTES));
  const result = headers.request.safeParse(value);
  if (!result.success) throw new RestHandlerException(400, describeIssue(headers, result.error, value));
  // `request` is the schema that `RequestOf` is computed from; safeParse sees only its erased type.
  const body = result.data as RequestOf<H>;
  return { body, fields: typeof value === "object" && value !== null ? new Set(Object.keys(value)) : new Set() };
}

export interface ParsedBody<H extends MessageHeaders> {
  readonly body: RequestOf<H>;
  /** Names of the fields that were sent, `null` ones included. */
  readonly fields: ReadonlySet<string>;
}

function parseJson(headers: MessageHeaders, bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return {};
  const text = decodeText(bytes, "The body");
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new RestHandlerException(
      400,
      `Request did not match expected format ${headers.requestName}. The body is not JSON: ${reason}`,
    );
  }
}

/** @throws RestHandlerException 400 if `bytes` are not UTF-8. */
export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new RestHandlerException(400, `${what} is not UTF-8 text.`);
  }
}

function describeIssue(headers: MessageHeaders, error: z.ZodError, value: unknown): string {
  const issue = error.issues[0];
  if (issue === undefined || issue.path.length === 0) {
    return `Request did not match expected format ${headers.requestName}. Expected an object, got ${shownValue(value)}.`;
  }
  let at: unknown = value;
  for (const key of issue.path) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  return `${issue.path.join(".")}: ${issue.message}, got ${shownValue(at)}`;
}

function shownValue(value: unknown): string {
  return shorten(JSON.stringify(value) ?? "nothing");
}

function shorten(text: string): string {
  return text.length <= SHOWN_VALUE_LIMIT ? text : `${text.slice(0, SHOWN_VALUE_LIMIT)}...`;
}
