import { types, type TypeOf } from "../../common/types/type-factories.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { userCodeException } from "../operators/user-code.ts";
import { OperatorStateCodec, type OperatorPart } from "../state/operator-state-codec.ts";
import { MANIFEST_VERSION, RESULTS_FOLDER, encodeManifest, manifestName } from "./commit-manifest.ts";
import type { SinkWriter, SinkWriterContext } from "./sink.ts";

/** A part is closed at a barrier, or at this size. */
const PART_BYTES = 256 * 1024;
const SUBTASK_DIGITS = 4;

const Part = types.row({ name: types.string(), records: types.long(), size: types.long() });
type Part = TypeOf<typeof Part>;

/** Parts closed by one barrier, with the writer that staged them: another subtask, or another job, may have to commit them. */
const Committable = types.row({
  jobId: types.string(),
  folder: types.string(),
  writer: types.string(),
  checkpointId: types.long(),
  parts: types.list(Part),
});
type Committable = TypeOf<typeof Committable>;

const codec = new OperatorStateCodec("pending output of the sink", types.list(Committable));
const encoder = new TextEncoder();

export interface NdjsonSinkTarget {
  /** Sink as its author knows it, for messages. */
  readonly name: string;
  /** Logical prefix of all names, with its slash. */
  readonly folder: string;
}

/**
 * Writes records as lines of staged objects that readers see once the subtask's manifest of a completed checkpoint names them.
 * A part's name carries the attempt and a number, so nothing is ever overwritten by another attempt; parts of attempts
 * that failed before their checkpoint was complete stay unnamed.
 */
export class NdjsonSinkWriter<T> implements SinkWriter<T> {
  readonly #target: NdjsonSinkTarget;
  readonly #jobId: string;
  readonly #writer: string;
  readonly #attemptNumber: number;
  #lines: string[] = [];
  #lineUnits = 0;
  /** Closed, and its bytes still in memory. */
  #unstaged: { readonly name: string; readonly bytes: Uint8Array }[] = [];
  #unstagedBytes = 0;
  /** Closed since the last barrier. */
  #parts: Part[] = [];
  #committables: Committable[];
  #lastBarrier = 0;
  #partNumber = 0;

  constructor(target: NdjsonSinkTarget, context: SinkWriterContext<T>) {
    const { jobId, operatorId, subtaskIndex, attemptNumber, restored } = context;
    this.#target = target;
    this.#jobId = jobId;
    this.#writer = `${jobId}-${operatorId}-${String(subtaskIndex).padStart(SUBTASK_DIGITS, "0")}`;
    this.#attemptNumber = attemptNumber;
    this.#committables = restored.flatMap((part) => codec.decode(part));
  }

  write(value: T): void {
    const line = this.#lineOf(value);
    this.#lines.push(line);
    this.#lineUnits += line.length + 1;
    if (this.#lineUnits >= PART_BYTES) this.#closePart();
  }

  prepareCommit(checkpointId: number): void {
    this.#closePart();
    this.#lastBarrier = checkpointId;
    if (this.#parts.length === 0) return;
    const { folder } = this.#target;
    this.#committables.push({ jobId: this.#jobId, folder, writer: this.#writer, checkpointId, parts: this.#parts });
    this.#parts = [];
  }

  snapshotState(): OperatorPart {
    return codec.encode(this.#committables);
  }

  async stage(objects: ObjectStore): Promise<void> {
    for (const part of this.#unstaged) {
      await objects.put(this.#target.folder + part.name, part.bytes);
      this.#unstaged = this.#unstaged.filter((other) => other !== part);
      this.#unstagedBytes -= part.bytes.byteLength;
    }
  }

  async commit(checkpointId: number, objects: ObjectStore): Promise<void> {
    for (const committable of this.#committables) {
      if (committable.checkpointId > checkpointId) continue;
      const { writer, parts } = committable;
      const manifest = { version: MANIFEST_VERSION, writer, checkpointId: committable.checkpointId, parts } as const;
      const key = this.#folderOf(committable) + manifestName(manifest);
      await objects.put(key, encodeManifest(manifest), { kind: "if-absent" });
      this.#committables = this.#committables.filter((other) => other !== committable);
    }
  }

  bufferedBytes(): number {
    return this.#lineUnits + this.#unstagedBytes;
  }

  /** What an earlier job staged under its own results is committed there, where it may be committed already. */
  #folderOf({ jobId, folder }: Committable): string {
    return jobId === this.#jobId || !folder.startsWith(RESULTS_FOLDER) ? folder : `jobs/${jobId}/${folder}`;
  }

  #lineOf(value: T): string {
    let line: string | undefined;
    try {
      line = JSON.stringify(value);
    } catch (error) {
      throw userCodeException(this.#target.name, error);
    }
    if (line === undefined) {
      throw userCodeException(this.#target.name, new TypeError(`expected a JSON value, got ${showValue(value)}`));
    }
    return line;
  }

  #closePart(): void {
    if (this.#lines.length === 0) return;
    const bytes = encoder.encode(`${this.#lines.join("\n")}\n`);
    const name = `part-${this.#writer}-${this.#lastBarrier}-${this.#attemptNumber}-${this.#partNumber}.ndjson`;
    this.#parts.push({ name, records: this.#lines.length, size: bytes.byteLength });
    this.#unstaged.push({ name, bytes });
    this.#unstagedBytes += bytes.byteLength;
    this.#partNumber += 1;
    this.#lines = [];
    this.#lineUnits = 0;
  }
}
