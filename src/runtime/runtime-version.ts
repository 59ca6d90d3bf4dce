/** Version of the runtime that jobs are pinned to; part of a job module's reference. Raised with every release. */
export const RUNTIME_VERSION = "0.1.0";
