import { SluiceException } from "../../common/exceptions.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import { MAX_MODULES_PER_CLUSTER } from "../messages/cluster-quotas.ts";
import type { UploadedModule } from "../messages/job-submission.ts";
import { storedValue } from "../stored-value.ts";

const MODULE_PREFIX = "module/";
const MODULE = storedValue<UploadedModule>();

/**
 * The uploaded modules of the cluster. Deleting one takes it off the index only: its text is addressed by content, and jobs
 * that run are pinned to it.
 */
export class ModuleIndex {
  readonly #storage: EndpointStorage;

  constructor(storage: EndpointStorage) {
    this.#storage = storage;
  }

  /** Again is fine. @throws SluiceException QUOTA_EXCEEDED. */
  add(module: UploadedModule): void {
    const known = this.#storage.get(MODULE_PREFIX + module.id, MODULE) !== undefined;
    if (!known && this.#storage.list(MODULE_PREFIX, MODULE).length >= MAX_MODULES_PER_CLUSTER) {
      throw new SluiceException("QUOTA_EXCEEDED", `modules: at most ${MAX_MODULES_PER_CLUSTER}; delete some first`);
    }
    this.#storage.put(MODULE_PREFIX + module.id, module);
  }

  /** Newest first. */
  list(): readonly UploadedModule[] {
    return this.#storage
      .list(MODULE_PREFIX, MODULE)
      .map(([, module]) => module)
      .sort((left, right) => right.uploadedMillis - left.uploadedMillis || (left.id < right.id ? -1 : 1));
  }

  /** @returns whether it existed. */
  remove(id: string): boolean {
    const existed = this.#storage.get(MODULE_PREFIX + id, MODULE) !== undefined;
    this.#storage.delete(MODULE_PREFIX + id);
    return existed;
  }
}
