import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** Something that leaves the object: a reply, a message. */
type Output = () => void;

export interface OutputGateOptions {
  /** File whose contents must be on the disk: SQLite's write-ahead log, to which every commit is appended. */
  readonly path: string;
  /** The disk refused: what was promised to be durable may not be. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Holds back what leaves an object until what it wrote is on the disk, as a Durable Object's output gate does. Commits
 * only append to the log; one flush then serves everything that was written before it began. In order, always.
 */
export class OutputGate {
  readonly #options: OutputGateOptions;
  #file: Promise<FileHandle> | undefined;
  #held: Output[] = [];
  #dirty = false;
  #flushing = false;

  constructor(options: OutputGateOptions) {
    this.#options = options;
  }

  /** Whether something waits, or was written and is not on the disk. */
  get busy(): boolean {
    return this.#dirty || this.#flushing;
  }

  /** Something was written. */
  wrote(): void {
    this.#dirty = true;
  }

  /** Lets `output` out when all that was written before this call is durable; at once if it is. */
  pass(output: Output): void {
    if (!this.busy && this.#held.length === 0) {
      output();
      return;
    }
    this.#held.push(output);
    void this.#flush();
  }

  async close(): Promise<void> {
    await (await this.#file)?.close();
  }

  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#dirty || this.#held.length > 0) {
      // What came while the disk was busy is covered as well, unless something was written since.
      if (!this.#dirty) {
        this.#held.shift()?.();
        continue;
      }
      this.#dirty = false;
      const covered = this.#held.length;
      try {
        await (await this.#open()).datasync();
      } catch (error) {
        this.#options.onFailure(error);
        return;
      }
      for (let released = 0; released < covered; released += 1) this.#held.shift()?.();
    }
    this.#flushing = false;
  }

  #open(): Promise<FileHandle> {
    this.#file ??= openDurably(this.#options.path);
    return this.#file;
  }
}

/** The file may be new: its name has to be on the disk too. */
async function openDurably(path: string): Promise<FileHandle> {
  const file = await open(path, "r+");
  const folder = await open(dirname(path), "r");
  await folder.sync();
  await folder.close();
  return file;
}
