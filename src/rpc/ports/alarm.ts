/** The one alarm of an endpoint's host: at least once, maybe late, survives the process. */
export interface Alarm {
  /** Due time in milliseconds since the epoch, or `undefined` if none is set. */
  get(): number | undefined;
  /** Replaces the due time; a time in the past fires at once. Part of the current turn's writes. */
  set(dueMillis: number): void;
  delete(): void;
}
