/** A failure as data: what crosses component borders and is shown in the exception history. */
export interface SerializedThrowable {
  /** Class or error name, such as `TypeError`. */
  readonly name: string;
  readonly message: string;
  /** Stack as text, first line `<name>: <message>`. */
  readonly stack: string;
  /** Closed code if it was one of ours. */
  readonly code?: string;
  /** No restart strategy is asked for it (Flink: NonRecoverableError). */
  readonly nonRecoverable?: boolean;
}
