/** Paths below which the harness speaks to the worker that it wraps. */
export const READY_PATH = "/.sluice-harness/ready";
export const RPC_PATH = "/.sluice-harness/rpc";
export const CRASH_PATH = "/.sluice-harness/crash";
export const ELAPSE_PATH = "/.sluice-harness/elapse";

/** What the harness's process is told, as JSON in its only argument. */
export interface HarnessProcessOptions {
  /** Absolute path of the worker's Wrangler configuration. */
  readonly config: string;
  /** Where all state lies: a process started again on it goes on with what was there. */
  readonly stateFolder: string;
  /** Where the process may write its own files. */
  readonly workFolder: string;
  readonly variables: Readonly<Record<string, string | number | boolean>>;
}

/** What the process says when the worker answers. */
export interface HarnessReady {
  readonly url: string;
}
