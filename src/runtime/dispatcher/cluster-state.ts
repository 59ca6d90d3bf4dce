import { SluiceException } from "../../common/exceptions.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import { DEFAULT_CLUSTER_QUOTAS, type ClusterQuotas } from "../messages/cluster-quotas.ts";
import { DEFAULT_CLUSTER } from "../object-name.ts";
import { storedValue } from "../stored-value.ts";

interface StoredCluster {
  readonly quotas: ClusterQuotas;
  readonly closing: boolean;
}

const CLUSTER_KEY = "cluster";
const CLUSTER = storedValue<StoredCluster>();

/**
 * Whether the Dispatcher's cluster exists, and what it may have. `default` exists always; any other from when the registry
 * has opened it until it is closed, so that a late request cannot bring a deleted cluster back to life.
 */
export class ClusterState {
  readonly #storage: EndpointStorage;
  readonly #name: string;

  constructor(storage: EndpointStorage, name: string) {
    this.#storage = storage;
    this.#name = name;
  }

  /** @throws SluiceException NOT_FOUND if the cluster does not exist, CONFLICT while it is being deleted. */
  get quotas(): ClusterQuotas {
    const stored = this.#stored;
    if (stored === undefined) throw new SluiceException("NOT_FOUND", `the cluster ${this.#name} does not exist`);
    if (stored.closing) throw new SluiceException("CONFLICT", `the cluster ${this.#name} is being deleted`);
    return stored.quotas;
  }

  /** A cluster that is being deleted stays so. */
  open(quotas: ClusterQuotas): void {
    this.#storage.put(CLUSTER_KEY, { quotas, closing: this.#stored?.closing ?? false });
  }

  /** @returns false if there is nothing to close. */
  close(): boolean {
    const stored = this.#stored;
    if (stored === undefined) return false;
    if (!stored.closing) this.#storage.put(CLUSTER_KEY, { ...stored, closing: true });
    return true;
  }

  get #stored(): StoredCluster | undefined {
    const stored = this.#storage.get(CLUSTER_KEY, CLUSTER);
    if (stored !== undefined || this.#name !== DEFAULT_CLUSTER) return stored;
    return { quotas: DEFAULT_CLUSTER_QUOTAS, closing: false };
  }
}
