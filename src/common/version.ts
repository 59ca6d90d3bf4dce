/** Version of this package; a test compares it with package.json. Jobs are pinned to it. */
export const SLUICE_VERSION = "0.1.0";
