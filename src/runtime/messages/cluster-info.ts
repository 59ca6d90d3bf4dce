import type { ClusterQuotas } from "./cluster-quotas.ts";

/** What is asked for when a cluster is created. */
export interface ClusterSettings {
  /** Where its objects may lie and run; fixed at the creation. */
  readonly jurisdiction?: string;
  /** Near where its first objects are to be created; fixed at the creation. */
  readonly locationHint?: string;
  /** Absent ones have their defaults; may be set anew later. */
  readonly quotas?: Partial<ClusterQuotas>;
}

export interface ClusterInfo extends Omit<ClusterSettings, "quotas"> {
  readonly name: string;
  /**
   * ```
   * CREATING -> ACTIVE -> DELETING -> (gone)
   *     +--------------------^
   * ```
   */
  readonly state: "CREATING" | "ACTIVE" | "DELETING";
  readonly quotas: ClusterQuotas;
  readonly createdMillis: number;
}

/**
 * How long anyone outside may go on believing that a cluster exists where it was found. A deletion leaves what lies in the
 * object store alone until longer than this has passed.
 */
export const CLUSTER_LOCATION_MILLIS = 2_000;
