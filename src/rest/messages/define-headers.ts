import * as z from "zod";
import type { BodyKind, MessageHeaders, ParameterSchemas } from "./message-headers.ts";

/** A body that carries nothing; unknown fields are ignored, as everywhere in Flink's API. */
export const EmptyRequestBody = z.object({});
/** Literally `{}`: clients need valid JSON in every answer. */
export const EmptyResponseBody = z.object({});

type NoParameters = Readonly<Record<never, z.ZodType>>;

interface Declaration<
  Path extends ParameterSchemas,
  Query extends ParameterSchemas,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> extends Pick<MessageHeaders, "name" | "method" | "url" | "description" | "scope"> {
  readonly status?: 200 | 202;
  readonly path?: Path;
  readonly query?: Query;
  readonly requestName?: string;
  readonly requestKind?: BodyKind;
  readonly request?: Body;
  readonly responseKind?: BodyKind;
  readonly response: Answer;
}

/** Fills in the defaults: status 200, JSON both ways, no parameters, empty request. */
export function defineHeaders<
  Answer extends z.ZodType,
  const Path extends ParameterSchemas = NoParameters,
  const Query extends ParameterSchemas = NoParameters,
  Body extends z.ZodType = typeof EmptyRequestBody,
>(declaration: Declaration<Path, Query, Body, Answer>): MessageHeaders<Path, Query, Body, Answer> {
  return Object.freeze({
    status: 200,
    requestName: "EmptyRequestBody",
    requestKind: "json",
    responseKind: "json",
    ...declaration,
    // The absent ones are of the type parameters' defaults, which the compiler cannot see here.
    path: declaration.path ?? ({} as Path),
    query: declaration.query ?? ({} as Query),
    request: declaration.request ?? (EmptyRequestBody as z.ZodType as Body),
  });
}
