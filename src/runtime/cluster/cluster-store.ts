import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { ClusterInfo } from "../messages/cluster-info.ts";
import { DEFAULT_CLUSTER_QUOTAS } from "../messages/cluster-quotas.ts";
import { DEFAULT_CLUSTER } from "../object-name.ts";
import { storedValue } from "../stored-value.ts";

/** A cluster as the registry keeps it. */
export interface ClusterRecord extends ClusterInfo {
  /** With DELETING. */
  readonly deletingSinceMillis?: number;
}

const CLUSTER_PREFIX = "cluster/";
const CLUSTER = storedValue<ClusterRecord>();

/** Exists without a row, until it is given quotas of its own. */
const DEFAULT_RECORD: ClusterRecord = {
  name: DEFAULT_CLUSTER,
  state: "ACTIVE",
  quotas: DEFAULT_CLUSTER_QUOTAS,
  createdMillis: 0,
};

/** The clusters; changes belong to the turn that makes them. */
export class ClusterStore {
  readonly #storage: EndpointStorage;

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
  }

  get(name: string): ClusterRecord | undefined {
    const stored = this.#storage.get(CLUSTER_PREFIX + name, CLUSTER);
    return stored ?? (name === DEFAULT_CLUSTER ? DEFAULT_RECORD : undefined);
  }

  /** `default`, then the others by name. */
  all(): readonly ClusterRecord[] {
    const stored = this.#storage.list(CLUSTER_PREFIX, CLUSTER).map(([, record]) => record);
    const others = stored.filter(({ name }) => name !== DEFAULT_CLUSTER);
    return [this.get(DEFAULT_CLUSTER) ?? DEFAULT_RECORD, ...others];
  }

  put(record: ClusterRecord): void {
    this.#storage.put(CLUSTER_PREFIX + record.name, record);
  }

  remove(name: string): void {
    this.#storage.delete(CLUSTER_PREFIX + name);
  }
}

export function clusterInfoOf(record: ClusterRecord): ClusterInfo {
  const { deletingSinceMillis: _, ...info } = record;
  return info;
}
