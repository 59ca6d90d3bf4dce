import { brandId } from "../common/ids.ts";
import type { JobID, ResourceID } from "../common/ids.ts";
import { SluiceException } from "../common/exceptions.ts";

/** Version of the naming scheme, never of a release: objects outlive releases. */
const SCHEME = "v1";
const NO_JURISDICTION = "-";
export const DEFAULT_CLUSTER = "default";

export const ENDPOINT_KINDS = [
  "cluster-registry",
  "dispatcher",
  "resource-manager",
  "job-master",
  "task-executor",
] as const;
/** Kind of an endpoint; the transport chooses the Durable Object class by it. */
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

/** Cluster an object belongs to, with the jurisdiction fixed at the cluster's creation. */
export interface ClusterName {
  /** `-` for none. */
  readonly jurisdiction: string;
  readonly cluster: string;
}

/** Name of one endpoint's object: `v1/<jurisdiction>/<cluster>/<kind>/<id>`. It is the endpoint's address. */
export interface ObjectName extends ClusterName {
  readonly kind: EndpointKind;
  readonly id: string;
}

// No separator, nothing that needs escaping in URLs, keys or logs.
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

export function formatObjectName(name: ObjectName): string {
  const segments = [SCHEME, name.jurisdiction, name.cluster, name.kind, name.id];
  const text = segments.join("/");
  if (parseObjectName(text) === undefined) {
    throw new SluiceException("INVALID_ARGUMENT", `object name: expected letters, digits, "-" and "_", got ${text}`);
  }
  return text;
}

/** `undefined` if `text` is no object name of this scheme. */
export function parseObjectName(text: string): ObjectName | undefined {
  const [scheme, jurisdiction = "", cluster = "", kindText = "", id = "", ...rest] = text.split("/");
  const kind = ENDPOINT_KINDS.find((candidate) => candidate === kindText);
  if (scheme !== SCHEME || kind === undefined || rest.length > 0) return undefined;
  if (jurisdiction !== NO_JURISDICTION && !SEGMENT.test(jurisdiction)) return undefined;
  if (!SEGMENT.test(cluster) || !SEGMENT.test(id)) return undefined;
  return { jurisdiction, cluster, kind, id };
}

/** Whether `text` may name a cluster. */
export function isClusterName(text: string): boolean {
  return SEGMENT.test(text);
}

/** The cluster without a jurisdiction. */
export function clusterName(cluster: string = DEFAULT_CLUSTER): ClusterName {
  return { jurisdiction: NO_JURISDICTION, cluster };
}

/** The jurisdiction that the cluster's objects are restricted to, if there is one. */
export function jurisdictionOf({ jurisdiction }: ClusterName): string | undefined {
  return jurisdiction === NO_JURISDICTION ? undefined : jurisdiction;
}

/** Cluster of the endpoint with this address. @throws SluiceException INVALID_ARGUMENT if it is no object name. */
export function clusterOf(address: string): ClusterName {
  const name = parseObjectName(address);
  if (name === undefined)
    throw new SluiceException("INVALID_ARGUMENT", `address: expected an object name, got ${address}`);
  return { jurisdiction: name.jurisdiction, cluster: name.cluster };
}

/** There is one registry of clusters for all of them. */
export function clusterRegistryAddress(): string {
  return formatObjectName({ ...clusterName(), kind: "cluster-registry", id: "cluster-registry" });
}

export function dispatcherAddress(cluster: ClusterName): string {
  return formatObjectName({ ...cluster, kind: "dispatcher", id: "dispatcher" });
}

export function resourceManagerAddress(cluster: ClusterName): string {
  return formatObjectName({ ...cluster, kind: "resource-manager", id: "resource-manager" });
}

export function jobMasterAddress(cluster: ClusterName, jobId: JobID): string {
  return formatObjectName({ ...cluster, kind: "job-master", id: jobId });
}

/** Address of a TaskExecutor, whose id is its {@link ResourceID}. */
export function taskExecutorAddress(cluster: ClusterName, resourceId: ResourceID): string {
  return formatObjectName({ ...cluster, kind: "task-executor", id: resourceId });
}

/** Id of the `index`th worker of a job: `<job>-te-<index>`, from 0; an index is never used twice within a job. */
export function taskExecutorResourceId(jobId: JobID, index: number): ResourceID {
  return brandId<ResourceID>(`${jobId}-te-${index}`);
}
