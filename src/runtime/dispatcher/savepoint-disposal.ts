import { ACKNOWLEDGE, type Acknowledge } from "../../common/acknowledge.ts";
import { SluiceException } from "../../common/exceptions.ts";
import type { Later } from "../../rpc/later.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { ObjectStore } from "../blob/object-store.ts";
import { decodeCheckpointMetadata } from "../checkpoint/checkpoint-metadata.ts";
import { METADATA, SnapshotLocation } from "../checkpoint/snapshot-location.ts";
import { serializeThrowable } from "../messages/serialized-throwable.ts";
import { isExpired, type SavepointDisposalStatus } from "../messages/snapshot-operations.ts";
import { storedValue } from "../stored-value.ts";
import type { DispatcherServices } from "./dispatcher-services.ts";

interface Disposal {
  readonly triggerId: string;
  readonly path: string;
  /** Its metadata was there and may be gone by now. */
  readonly deleting: boolean;
  readonly status: SavepointDisposalStatus;
}

const PREFIX = "disposal/";
const DISPOSAL = storedValue<Disposal>();

/** Deletes savepoints (SVP-09): metadata first, then everything else in their directory. One that a crash interrupted goes on. */
export class SavepointDisposal {
  readonly #services: DispatcherServices;
  readonly #storage: EndpointStorage;
  readonly #objects: ObjectStore;
  /** Under way in this activation. */
  readonly #active = new Set<string>();

  constructor(services: DispatcherServices, storage: EndpointStorage, objects: ObjectStore) {
    this.#services = services;
    this.#storage = storage;
    this.#objects = objects;
  }

  dispose(triggerId: string, path: string): Acknowledge {
    this.#discardExpired();
    if (this.#get(triggerId) !== undefined) return ACKNOWLEDGE;
    const disposal: Disposal = { triggerId, path, deleting: false, status: { kind: "in-progress" } };
    this.#storage.put(PREFIX + triggerId, disposal);
    void this.#run(disposal);
    return ACKNOWLEDGE;
  }

  /** `undefined`: no such operation, or it has expired. */
  status(triggerId: string): SavepointDisposalStatus | undefined {
    const disposal = this.#get(triggerId);
    if (disposal?.status.kind === "in-progress" && !this.#active.has(triggerId)) void this.#run(disposal);
    return disposal?.status;
  }

  #run(disposal: Disposal): Later<undefined> {
    const { ask } = this.#services;
    this.#active.add(disposal.triggerId);
    const fail = (error: SluiceException): undefined =>
      this.#end(disposal, { kind: "failed", failure: serializeThrowable(error), endedMillis: this.#now() });
    const remove = (directory: string): Later<undefined> =>
      ask(this.#delete(directory), () => this.#end(disposal, { kind: "completed", endedMillis: this.#now() }), fail);
    if (disposal.deleting) return remove(this.#directoryOf(disposal));
    return ask(
      this.#load(disposal),
      (directory) => {
        this.#storage.put(PREFIX + disposal.triggerId, { ...disposal, deleting: true });
        return remove(directory);
      },
      fail,
    );
  }

  /** @throws SluiceException if it is no savepoint. */
  async #load(disposal: Disposal): Promise<string> {
    const directory = this.#directoryOf(disposal);
    const metadata = await this.#objects.get(directory + METADATA);
    if (metadata !== undefined) decodeCheckpointMetadata(metadata.bytes);
    else if (!(await this.#hasLeftovers(directory))) {
      throw new SluiceException("NOT_FOUND", `there is no savepoint ${disposal.path}`);
    }
    return directory;
  }

  /** A disposal that failed half way has left state without metadata. Directories of other savepoints are none of it. */
  async #hasLeftovers(directory: string): Promise<boolean> {
    const found = await this.#objects.list(directory);
    return found.length > 0 && found.every(({ key }) => !key.slice(directory.length).includes("/"));
  }

  async #delete(directory: string): Promise<void> {
    const outcomes = [await settled(this.#objects.delete([directory + METADATA]))];
    const others = (await this.#objects.list(directory)).map(({ key }) => key);
    if (others.length > 0) outcomes.push(await settled(this.#objects.delete(others)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** @throws INVALID_ARGUMENT */
  #directoryOf({ path }: Disposal): string {
    const location = SnapshotLocation.parse(path);
    if (!location.isSavepoint) {
      throw new SluiceException("INVALID_ARGUMENT", `${path} is a checkpoint of a job, which deletes it itself`);
    }
    return `v1/${this.#services.cluster.cluster}/${location.directory}`;
  }

  #end(disposal: Disposal, status: SavepointDisposalStatus): undefined {
    this.#active.delete(disposal.triggerId);
    this.#storage.put(PREFIX + disposal.triggerId, { ...disposal, status });
  }

  #get(triggerId: string): Disposal | undefined {
    const disposal = this.#storage.get(PREFIX + triggerId, DISPOSAL);
    return disposal === undefined || isExpired(disposal.status, this.#now()) ? undefined : disposal;
  }

  #discardExpired(): void {
    for (const [key, { status }] of this.#storage.list(PREFIX, DISPOSAL)) {
      if (isExpired(status, this.#now())) this.#storage.delete(key);
    }
  }

  #now(): number {
    return this.#services.clock.now();
  }
}

/** The outcome, whatever it is. */
async function settled(promise: Promise<void>): Promise<PromiseSettledResult<void>> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome;
}
