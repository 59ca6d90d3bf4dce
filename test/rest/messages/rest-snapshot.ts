import { z } from "zod";
import { REST_API } from "../../../src/rest/messages/rest-api.ts";
import type { MessageHeaders } from "../../../src/rest/messages/message-headers.ts";

/** A JSON schema as far as the comparison reads it. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly id?: string;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
}

/** One call in the form of Flink's own `rest_api_v1.snapshot`. */
export interface SnapshotCall {
  readonly url: string;
  readonly method: string;
  readonly "status-code": string;
  readonly "file-upload": boolean;
  readonly "path-parameters": { readonly pathParameters: readonly { readonly key: string }[] };
  readonly "query-parameters": {
    readonly queryParameters: readonly { readonly key: string; readonly mandatory: boolean }[];
  };
  readonly request: JsonSchema;
  readonly response: JsonSchema;
}

const STATUS_TEXTS = { 200: "200 OK", 202: "202 Accepted" } as const;

function snapshotCall(headers: MessageHeaders): SnapshotCall {
  return {
    url: headers.url,
    method: headers.method,
    "status-code": STATUS_TEXTS[headers.status],
    "file-upload": headers.requestKind === "file",
    "path-parameters": { pathParameters: Object.keys(headers.path).map((key) => ({ key })) },
    "query-parameters": {
      queryParameters: Object.entries(headers.query).map(([key, schema]) => ({
        key,
        mandatory: !schema.safeParse(undefined).success,
      })),
    },
    request: headers.requestKind === "json" ? jsonSchema(headers.request, "input") : { type: headers.requestKind },
    response: headers.responseKind === "json" ? jsonSchema(headers.response, "output") : { type: headers.responseKind },
  };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, reused: "inline", unrepresentable: "any" });
  return rest as JsonSchema;
}

/** Every call of ours, sorted by url and method. */
export function restSnapshot(): { readonly calls: readonly SnapshotCall[] } {
  const calls = REST_API.map(snapshotCall);
  return { calls: calls.toSorted((left, right) => (sortKey(left) < sortKey(right) ? -1 : 1)) };
}

function sortKey({ url, method }: SnapshotCall): string {
  return `${url} ${method}`;
}
