import { SluiceException } from "../../common/exceptions.ts";

/** Where a job's collect sinks write, by name, within what the job owns. */
export const RESULTS_FOLDER = "results/";

/** Version of the manifest format. */
export const MANIFEST_VERSION = 1;

/** One staged object of a sink: NDJSON, every line with its newline. */
export interface CommittedPart {
  /** Within the folder of the manifest. */
  readonly name: string;
  readonly records: number;
  readonly size: number;
}

/**
 * What one subtask of one sink commits with one checkpoint. Output exists for readers when its manifest does; the manifest is put
 * if absent, so a commit that is repeated changes nothing.
 */
export interface CommitManifest {
  readonly version: typeof MANIFEST_VERSION;
  /** Sink subtask: job, operator and index. Its manifests appear in order of their checkpoints. */
  readonly writer: string;
  readonly checkpointId: number;
  /** In the order of writing. */
  readonly parts: readonly CommittedPart[];
}

const MANIFEST_NAME = /(?:^|\/)manifest-\d+-[^/]+\.json$/;
const CHECKPOINT_DIGITS = 16;

export function manifestName(manifest: Pick<CommitManifest, "checkpointId" | "writer">): string {
  const checkpoint = String(manifest.checkpointId).padStart(CHECKPOINT_DIGITS, "0");
  return `manifest-${checkpoint}-${manifest.writer}.json`;
}

export function isManifest(key: string): boolean {
  return MANIFEST_NAME.test(key);
}

export function encodeManifest(manifest: CommitManifest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(manifest));
}

/** @throws SERIALIZATION naming the object if it is no manifest of this version. */
export function decodeManifest(key: string, bytes: Uint8Array): CommitManifest {
  const manifest: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isCommitManifest(manifest)) throw new SluiceException("SERIALIZATION", `${key} is no manifest of version 1`);
  return manifest;
}

function isCommitManifest(value: unknown): value is CommitManifest {
  if (typeof value !== "object" || value === null) return false;
  const manifest: Partial<Record<keyof CommitManifest, unknown>> = value;
  return (
    manifest.version === MANIFEST_VERSION &&
    typeof manifest.writer === "string" &&
    typeof manifest.checkpointId === "number" &&
    Array.isArray(manifest.parts)
  );
}
