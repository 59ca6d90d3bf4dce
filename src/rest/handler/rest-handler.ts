import type { Clock } from "../../common/clock.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import type { ClusterRegistryGateway } from "../../runtime/cluster/cluster-registry-gateway.ts";
import type { DispatcherGateway } from "../../runtime/dispatcher/dispatcher-gateway.ts";
import type { JobModuleInspector } from "../../runtime/jobgraph/job-module-inspector.ts";
import type { ResourceManagerGateway } from "../../runtime/resourcemanager/resource-manager-gateway.ts";
import type { MessageHeaders, PathOf, QueryOf, RequestOf, ResponseOf } from "../messages/message-headers.ts";
import { parseJsonBody, parsePath, parseQuery } from "../request-parsing.ts";

/** What handlers work with, bound to the cluster of the request. */
export interface ClusterServices {
  readonly cluster: string;
  readonly dispatcher: DispatcherGateway;
  readonly resourceManager: ResourceManagerGateway;
  readonly clusters: ClusterRegistryGateway;
  /** With the real keys, `v1/<cluster>/...`. */
  readonly objects: ObjectStore;
  /** Where savepoints go whose request names no directory; `undefined`: it has to. */
  readonly savepointDirectory: string | undefined;
  readonly modules: JobModuleInspector;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Logger;
}

export interface HandlerRequest<H extends MessageHeaders> {
  readonly path: PathOf<H>;
  readonly query: QueryOf<H>;
  /** Parsed if the headers say `json`; otherwise `raw` has it. */
  readonly body: RequestOf<H>;
  /** Names of the fields of a JSON body that were sent, `null` ones included. */
  readonly bodyFields: ReadonlySet<string>;
  readonly raw: Request;
  readonly services: ClusterServices;
}

/** Answers one kind of call; a `Response` only where the headers' `responseKind` is not `json`. */
export type RestHandler<H extends MessageHeaders> = (request: HandlerRequest<H>) => Promise<ResponseOf<H> | Response>;

/** A request as the router sees it. */
export interface RoutedRequest {
  readonly raw: Request;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly services: ClusterServices;
}

/** A call with its handler, the types of both erased. */
export interface RestRoute {
  readonly headers: MessageHeaders;
  readonly answer: (request: RoutedRequest) => Promise<Response>;
}

/** Binds a handler to its headers: parses and validates, runs, turns the answer into JSON. */
export function route<H extends MessageHeaders>(headers: H, handler: RestHandler<H>): RestRoute {
  return {
    headers,
    answer: async ({ raw, pathParameters, services }) => {
      const path = parsePath(headers, pathParameters);
      const query = parseQuery(headers, new URL(raw.url));
      // For the other kinds the schema is the empty object.
      const { body, fields } =
        headers.requestKind === "json"
          ? await parseJsonBody(headers, raw)
          : { body: {} as RequestOf<H>, fields: new Set<string>() };
      const answer = await handler({ path, query, body, bodyFields: fields, raw, services });
      return answer instanceof Response ? answer : jsonResponse(headers.status, answer);
    },
  };
}

/** Flink's own test pins this content type; every JSON answer may be read from any origin. */
const JSON_HEADERS = { "content-type": "application/json; charset=UTF-8", "access-control-allow-origin": "*" };

export function jsonResponse(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: JSON_HEADERS });
}
