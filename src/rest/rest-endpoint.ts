import { Hono } from "hono";
import type { ObjectStore } from "../runtime/blob/object-store.ts";
import type { ClusterRegistryGateway } from "../runtime/cluster/cluster-registry-gateway.ts";
import type { DispatcherGateway } from "../runtime/dispatcher/dispatcher-gateway.ts";
import type { ResourceManagerGateway } from "../runtime/resourcemanager/resource-manager-gateway.ts";
import type { ClusterName } from "../runtime/object-name.ts";
import { checkAccess } from "./access-policy.ts";
import type { AccessPolicy } from "./access-policy.ts";
import { locateCluster, requestedCluster } from "./cluster-locator.ts";
import type { ClusterLocations } from "./cluster-locator.ts";
import { toErrorAnswer } from "./exception-mapping.ts";
import { CHECKPOINT_ROUTES } from "./handler/checkpoint-handlers.ts";
import { CLUSTER_ROUTES } from "./handler/cluster-handlers.ts";
import { JAR_ROUTES } from "./handler/jar-handlers.ts";
import { JAR_RUN_ROUTES } from "./handler/jar-run-handlers.ts";
import { JOB_ROUTES } from "./handler/job-handlers.ts";
import { JOB_VERTEX_ROUTES } from "./handler/job-vertex-handlers.ts";
import { JOB_RESULTS_ROUTES } from "./handler/job-results-handler.ts";
import { OBJECT_ROUTES } from "./handler/object-handlers.ts";
import { PUSH_ROUTES } from "./handler/push-handlers.ts";
import { jsonResponse } from "./handler/rest-handler.ts";
import type { ClusterServices, RestRoute } from "./handler/rest-handler.ts";
import { SAVEPOINT_ROUTES } from "./handler/savepoint-handlers.ts";
import { SLUICE_CLUSTER_ROUTES } from "./handler/sluice-cluster-handlers.ts";
import { SLUICE_JOB_ROUTES } from "./handler/sluice-job-handlers.ts";
import { TASK_MANAGER_ROUTES } from "./handler/task-manager-handlers.ts";

/** What the REST endpoint needs of the clusters behind it. The factories are called per request and may not block. */
export interface RestServices extends Pick<ClusterServices, "modules" | "clock" | "ids" | "log"> {
  readonly dispatcher: (cluster: ClusterName) => DispatcherGateway;
  readonly resourceManager: (cluster: ClusterName) => ResourceManagerGateway;
  readonly clusters: () => ClusterRegistryGateway;
  /** Shared by all requests of one process. */
  readonly clusterLocations: ClusterLocations;
  /** Domain whose subdomains name clusters. */
  readonly clusterDomain?: string | undefined;
  /** With the real keys, `v1/<cluster>/...`. */
  readonly objects: (cluster: string) => ObjectStore;
  /** `execution.checkpointing.savepoint-dir`. */
  readonly savepointDirectory?: string;
  readonly access: AccessPolicy;
}

/** All routes, constants before parameters (contract: rest-v1 6.4), as the router takes the first that fits. */
export const REST_ROUTES: readonly RestRoute[] = [
  ...CLUSTER_ROUTES,
  ...JAR_ROUTES,
  ...JAR_RUN_ROUTES,
  ...JOB_ROUTES,
  ...JOB_VERTEX_ROUTES,
  ...CHECKPOINT_ROUTES,
  ...SAVEPOINT_ROUTES,
  ...TASK_MANAGER_ROUTES,
  ...SLUICE_JOB_ROUTES,
  ...PUSH_ROUTES,
  ...JOB_RESULTS_ROUTES,
  ...OBJECT_ROUTES,
  ...SLUICE_CLUSTER_ROUTES,
].toSorted((left, right) => compareUrls(left.headers.url, right.headers.url));

/**
 * Flink's REST API v1 and our own routes as a Hono app (Flink `RestServerEndpoint`). Every route is served under `/v1/X` and
 * `/X`; slashes at both ends of a path mean nothing. Holds no state: any number of instances may serve a cluster.
 */
export function createRestEndpoint(services: RestServices): Hono {
  const app = new Hono({ getPath: (request) => routedPath(new URL(request.url).pathname) });
  for (const { headers, answer } of REST_ROUTES) {
    app.on(headers.method, headers.url.replace(/:(\w+)\*/, ":$1{.+}"), async (context) => {
      try {
        await checkAccess(services.access, headers.scope, context.req.raw);
        return await answer({
          raw: context.req.raw,
          pathParameters: context.req.param(),
          services: await clusterServices(services, requestedCluster(context.req.raw, services.clusterDomain)),
        });
      } catch (error) {
        return errorResponse(services, context.req.raw, error);
      }
    });
  }
  app.notFound((context) => {
    const { pathname, search } = new URL(context.req.url);
    const message =
      context.req.method === "GET" || context.req.method === "HEAD"
        ? `Unable to load requested file ${pathname}.`
        : `Not found: ${pathname}${search}`;
    return jsonResponse(404, { errors: [message] });
  });
  app.onError((error, context) => errorResponse(services, context.req.raw, error));
  return app;
}

function errorResponse(services: RestServices, request: Request, error: unknown): Response {
  const { status, errors } = toErrorAnswer(error);
  if (status === 500) services.log.error("REST request failed", { url: request.url, error: errors.at(-1) });
  const response = jsonResponse(status, { errors });
  if (status === 401) response.headers.set("www-authenticate", "Bearer");
  return response;
}

async function clusterServices(services: RestServices, name: string): Promise<ClusterServices> {
  const clusters = services.clusters();
  const memory = { locations: services.clusterLocations, nowMillis: services.clock.now() };
  const cluster = await locateCluster(name, clusters, memory);
  return {
    cluster: name,
    clusters,
    dispatcher: services.dispatcher(cluster),
    resourceManager: services.resourceManager(cluster),
    objects: services.objects(name),
    savepointDirectory: services.savepointDirectory,
    modules: services.modules,
    clock: services.clock,
    ids: services.ids,
    log: services.log,
  };
}

function routedPath(pathname: string): string {
  const trimmed = `/${pathname.replace(/^\/+|\/+$/g, "")}`;
  return trimmed === "/v1" || trimmed.startsWith("/v1/") ? `/${trimmed.slice("/v1/".length)}` : trimmed;
}

function compareUrls(left: string, right: string): number {
  const rightParts = right.split("/");
  for (const [index, part] of left.split("/").entries()) {
    const other = rightParts[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    if (part.startsWith(":") !== other.startsWith(":")) return part.startsWith(":") ? 1 : -1;
    return part < other ? -1 : 1;
  }
  return left.split("/").length - rightParts.length;
}
