import type { SqlDatabase } from "../ports/storage.ts";
import type { Epoch, Incarnation } from "./epoch.ts";

/** Whether an address answers at all; `terminated` is for ever. */
export type LifecycleState = "alive" | "terminated";

/**
 * Epoch, incarnation and lifecycle state of one address. An endpoint without storage has an identity that lives as long
 * as its host.
 */
export interface Identity {
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
  readonly lifecycle: LifecycleState;
  /** Raises and stores the incarnation: once at each activation, before its first message. */
  raiseIncarnation(): void;
  /** Raises and stores the epoch within the current transaction. */
  raiseEpoch(): void;
  /** Takes back what the running turn raised, after its transaction was undone. */
  reload(): void;
  /** Idempotent. */
  markTerminated(): void;
}

const FIRST_EPOCH = 1;

/** Identity of an endpoint without storage, kept by its host over activations. */
export class TransientIdentity implements Identity {
  #epoch = FIRST_EPOCH;
  #incarnation = 0;
  #lifecycle: LifecycleState = "alive";

  get epoch(): Epoch {
    return this.#epoch as Epoch;
  }

  get incarnation(): Incarnation {
    return this.#incarnation as Incarnation;
  }

  get lifecycle(): LifecycleState {
    return this.#lifecycle;
  }

  raiseIncarnation(): void {
    this.#incarnation += 1;
  }

  raiseEpoch(): void {
    this.#epoch += 1;
  }

  reload(): void {
    // Nothing was stored, so nothing was undone: an epoch that was raised once stays raised.
  }

  markTerminated(): void {
    this.#lifecycle = "terminated";
  }
}

/** Identity in the endpoint's own database (table `sluice_identity`, one row). */
export class StoredIdentity implements Identity {
  readonly #database: SqlDatabase;
  #epoch = FIRST_EPOCH;
  #incarnation = 0;
  #lifecycle: LifecycleState = "alive";

  /** Needs the schema of `applyEndpointSchema`. */
  constructor(database: SqlDatabase) {
    this.#database = database;
    this.reload();
  }

  get epoch(): Epoch {
    return this.#epoch as Epoch;
  }

  get incarnation(): Incarnation {
    return this.#incarnation as Incarnation;
  }

  get lifecycle(): LifecycleState {
    return this.#lifecycle;
  }

  raiseIncarnation(): void {
    this.#incarnation += 1;
    this.#store();
  }

  raiseEpoch(): void {
    this.#epoch += 1;
    this.#store();
  }

  reload(): void {
    const row = this.#database.exec("SELECT epoch, incarnation, lifecycle FROM sluice_identity")[0];
    this.#epoch = Number(row?.["epoch"] ?? FIRST_EPOCH);
    this.#incarnation = Number(row?.["incarnation"] ?? 0);
    this.#lifecycle = row?.["lifecycle"] === "terminated" ? "terminated" : "alive";
  }

  markTerminated(): void {
    this.#lifecycle = "terminated";
    this.#store();
  }

  #store(): void {
    this.#database.exec(
      "INSERT OR REPLACE INTO sluice_identity (id, epoch, incarnation, lifecycle) VALUES (1, ?, ?, ?)",
      this.#epoch,
      this.#incarnation,
      this.#lifecycle,
    );
  }
}
