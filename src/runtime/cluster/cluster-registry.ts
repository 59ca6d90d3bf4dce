import { seconds } from "../../common/duration.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { HandlerOf } from "../../rpc/gateway-descriptor.ts";
import type { Later } from "../../rpc/later.ts";
import { RpcEndpoint } from "../../rpc/rpc-endpoint.ts";
import { clusterPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { DispatcherGateway } from "../dispatcher/dispatcher-gateway.ts";
import { CLUSTER_LOCATION_MILLIS, type ClusterInfo, type ClusterSettings } from "../messages/cluster-info.ts";
import { CLUSTER_QUOTA_NAMES, MAX_CLUSTERS } from "../messages/cluster-quotas.ts";
import {
  clusterName,
  DEFAULT_CLUSTER,
  dispatcherAddress,
  resourceManagerAddress,
  type ClusterName,
} from "../object-name.ts";
import { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { ClusterRegistryGateway } from "./cluster-registry-gateway.ts";
import { checkClusterName, checkClusterPlace, resolveQuotas } from "./cluster-settings.ts";
import { clusterInfoOf, ClusterStore, type ClusterRecord } from "./cluster-store.ts";

/** Durable timers, one per cluster: what was decided is carried out even if everything is lost in between. */
const OPEN_TIMER = "open/";
const DELETE_TIMER = "delete/";
/** Longer than a call to open a cluster can take. */
const OPEN_RETRY = seconds(30);
/** Between two looks at a cluster that is being deleted. */
const DELETE_INTERVAL = seconds(1);
/** Until nobody outside may believe any more that a deleted cluster exists. */
const SETTLE_MILLIS = 2 * CLUSTER_LOCATION_MILLIS;

/** Where a cluster's first objects come to life: an object is created near to whoever calls it first, unless told otherwise. */
export interface ClusterPlacement {
  /** Brings the cluster's Dispatcher and ResourceManager to life near `locationHint`; without effect on ones that exist. */
  place(cluster: ClusterName, locationHint: string): Promise<void>;
}

export interface ClusterRegistryServices {
  readonly objects: ObjectStore;
  readonly placement: ClusterPlacement;
}

/**
 * The clusters of a deployment: creates and deletes them, and says where they are. A deletion goes in steps, each of which may be
 * repeated: the Dispatcher cancels its jobs and forgets everything, the ResourceManager releases its workers, then everything
 * in the object store goes, then the cluster is off the list. With nothing to do it holds no timer.
 */
export class ClusterRegistry extends RpcEndpoint implements HandlerOf<typeof ClusterRegistryGateway> {
  readonly #services: ClusterRegistryServices;
  readonly #clusters: ClusterStore;

  constructor(context: EndpointContext, services: ClusterRegistryServices) {
    super(context);
    this.#services = services;
    this.#clusters = new ClusterStore(this.storage);
  }

  protected override onTimer(timer: string): undefined | Later<undefined> {
    const slash = timer.indexOf("/") + 1;
    const record = this.#clusters.get(timer.slice(slash));
    if (record === undefined) return undefined;
    if (timer.startsWith(DELETE_TIMER)) return this.#continueDeletion(record);
    if (record.state === "DELETING") return undefined;
    // A crash came in between.
    this.timers.setAfter(timer, OPEN_RETRY);
    return this.#open(record, () => undefined);
  }

  createCluster(name: string, settings: ClusterSettings): Later<ClusterInfo> {
    checkClusterName(name);
    checkClusterPlace(settings);
    const quotas = resolveQuotas(settings.quotas);
    const known = this.#clusters.get(name);
    if (known !== undefined) requireSamePlace(known, settings);
    else if (this.#clusters.all().length >= MAX_CLUSTERS) {
      throw new SluiceException("QUOTA_EXCEEDED", `clusters: at most ${MAX_CLUSTERS}; delete one first`);
    }
    const { jurisdiction, locationHint } = settings;
    const record: ClusterRecord = {
      name,
      ...(jurisdiction === undefined ? {} : { jurisdiction }),
      ...(locationHint === undefined ? {} : { locationHint }),
      state: known?.state ?? "CREATING",
      quotas,
      createdMillis: known?.createdMillis ?? this.clock.now(),
    };
    this.#clusters.put(record);
    this.timers.setAfter(OPEN_TIMER + name, OPEN_RETRY);
    return this.#open(record, (info) => info);
  }

  deleteCluster(name: string): ClusterInfo | undefined {
    if (name === DEFAULT_CLUSTER) {
      throw new SluiceException("CONFLICT", `the cluster ${DEFAULT_CLUSTER} exists always and cannot be deleted`);
    }
    const known = this.#clusters.get(name);
    if (known === undefined || known.state === "DELETING")
      return known === undefined ? undefined : clusterInfoOf(known);
    const now = this.clock.now();
    const record: ClusterRecord = { ...known, state: "DELETING", deletingSinceMillis: now };
    this.#clusters.put(record);
    this.timers.delete(OPEN_TIMER + name);
    this.timers.set(DELETE_TIMER + name, now);
    this.log.info("cluster is deleted", { cluster: name });
    return clusterInfoOf(record);
  }

  requestCluster(name: string): ClusterInfo | undefined {
    const record = this.#clusters.get(name);
    return record === undefined ? undefined : clusterInfoOf(record);
  }

  listClusters(): readonly ClusterInfo[] {
    return this.#clusters.all().map(clusterInfoOf);
  }

  #open<T>(record: ClusterRecord, answer: (info: ClusterInfo) => T): Later<T> {
    const fail = (error: SluiceException): Later<T> => this.#openFailed(record, error);
    const open = (): Later<T> => {
      const { dispatcher, resourceManager } = this.#gatewaysOf(record);
      const both = Promise.all([dispatcher.openCluster(record.quotas), resourceManager.openCluster(record.quotas)]);
      return this.ask<unknown, T>(both, () => answer(this.#opened(record)), fail);
    };
    return record.state === "CREATING" ? this.ask<void, T>(this.#prepare(record), open, fail) : open();
  }

  /** What a late request left in the object store after an earlier cluster of this name had been deleted is not this one's. */
  async #prepare(record: ClusterRecord): Promise<void> {
    await this.#deleteObjects(record.name);
    const { locationHint } = record;
    if (locationHint !== undefined) await this.#services.placement.place(clusterNameOf(record), locationHint);
  }

  #opened(record: ClusterRecord): ClusterInfo {
    const { name } = record;
    const current = this.#clusters.get(name);
    if (current === undefined || current.state === "DELETING") {
      throw new SluiceException("CONFLICT", `the cluster ${name} was deleted meanwhile`);
    }
    const active: ClusterRecord = { ...current, state: "ACTIVE" };
    this.#clusters.put(active);
    // Another call may have set other quotas meanwhile: the timer stays until those have arrived.
    if (sameQuotas(current, record)) this.timers.delete(OPEN_TIMER + name);
    return clusterInfoOf(active);
  }

  /** Nothing may stay behind of a cluster that could not be created. A throw would undo that. */
  #openFailed<T>({ name, state }: ClusterRecord, cause: SluiceException): Later<T> {
    const creating = state === "CREATING" && this.#clusters.get(name)?.state === "CREATING";
    if (creating) {
      this.#clusters.remove(name);
      this.timers.delete(OPEN_TIMER + name);
    }
    const what = creating ? "could not be created" : "could not be told its quotas yet; it will be";
    const refused = new SluiceException("UNAVAILABLE", `the cluster ${name} ${what}: ${cause.message}`, {
      cause,
      retryable: cause.retryable,
    });
    return this.ask(Promise.reject<T>(refused));
  }

  #continueDeletion(record: ClusterRecord): undefined | Later<undefined> {
    if (record.state !== "DELETING") return undefined;
    this.timers.setAfter(DELETE_TIMER + record.name, DELETE_INTERVAL);
    const { dispatcher, resourceManager } = this.#gatewaysOf(record);
    // An error fails the timer, which is set already.
    return this.ask(dispatcher.closeCluster(), (jobs) => {
      if (jobs > 0) return undefined;
      return this.ask(resourceManager.closeCluster(), (workers) =>
        workers > 0 ? undefined : this.#removeRemains(record),
      );
    });
  }

  #removeRemains({ name, deletingSinceMillis = 0 }: ClusterRecord): undefined | Later<undefined> {
    if (this.clock.now() - deletingSinceMillis < SETTLE_MILLIS) return undefined;
    return this.ask(this.#deleteObjects(name), () => {
      this.#clusters.remove(name);
      this.timers.delete(DELETE_TIMER + name);
      this.log.info("cluster is gone", { cluster: name });
      return undefined;
    });
  }

  async #deleteObjects(name: string): Promise<void> {
    // `default` is never created anew, but nothing of it may ever go by a mistake here.
    if (name === DEFAULT_CLUSTER) return;
    const { objects } = this.#services;
    const found = await objects.list(clusterPrefix(name));
    if (found.length > 0) await objects.delete(found.map(({ key }) => key));
  }

  #gatewaysOf(record: ClusterRecord): {
    readonly dispatcher: DispatcherGateway;
    readonly resourceManager: ResourceManagerGateway;
  } {
    const cluster = clusterNameOf(record);
    return {
      dispatcher: this.gateway(DispatcherGateway, dispatcherAddress(cluster)),
      resourceManager: this.gateway(ResourceManagerGateway, resourceManagerAddress(cluster)),
    };
  }
}

/** @throws SluiceException CONFLICT. */
function requireSamePlace(known: ClusterRecord, settings: ClusterSettings): void {
  if (known.state === "DELETING") {
    throw new SluiceException("CONFLICT", `the cluster ${known.name} is being deleted; create it when it is gone`);
  }
  for (const field of ["jurisdiction", "locationHint"] as const) {
    if (known[field] === settings[field]) continue;
    const fixed = known[field] === undefined ? "without one" : `with ${known[field]}`;
    throw new SluiceException(
      "CONFLICT",
      `${field}: is fixed at the creation of a cluster; ${known.name} was created ${fixed}`,
    );
  }
}

function sameQuotas(left: ClusterRecord, right: ClusterRecord): boolean {
  return CLUSTER_QUOTA_NAMES.every((quota) => left.quotas[quota] === right.quotas[quota]);
}

function clusterNameOf({ name, jurisdiction }: ClusterRecord): ClusterName {
  return jurisdiction === undefined ? clusterName(name) : { jurisdiction, cluster: name };
}
