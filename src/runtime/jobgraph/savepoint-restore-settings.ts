/**
 * Whose a snapshot is after a job has started from it (RST-03). CLAIM: the job's, which deletes it when it is subsumed.
 * NO_CLAIM: the user's; checkpoints of the job never depend on it. LEGACY is NO_CLAIM here: no checkpoint is incremental.
 */
export const RECOVERY_CLAIM_MODES = ["CLAIM", "NO_CLAIM", "LEGACY"] as const;
export type RecoveryClaimMode = (typeof RECOVERY_CLAIM_MODES)[number];

/** What a job starts from, unless it has a checkpoint of its own already (RST-01; Flink `SavepointRestoreSettings`). */
export interface SavepointRestoreSettings {
  /** `savepoints/<path>` or `jobs/<job id>/chk-<n>`, in the object store of the cluster. */
  readonly restorePath: string;
  /** Whether state of operators that the job has not is dropped; else it fails the job (RST-04). */
  readonly allowNonRestoredState: boolean;
  readonly claimMode: RecoveryClaimMode;
}
