/** How far a job's sinks are, for those who follow what they commit. */
export interface CommitNews {
  /** Rises with each commit, in no other way; begins anew when the JobMaster loses its memory. */
  readonly commits: number;
  /** Nothing will be committed any more. */
  readonly ended: boolean;
}
