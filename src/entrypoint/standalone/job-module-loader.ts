import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { IdSource } from "../../common/ids.ts";
import type { JobDefinition } from "../../streaming/graph/job-definition.ts";
import { importJob, linkedToRuntime } from "./job-module-text.ts";

/**
 * Loads users' modules into this process: without any sandbox, so only where the operator trusts all who may upload.
 * A module that was loaded stays in memory as long as the process.
 */
export class JobModuleLoader {
  readonly #folder: string;
  readonly #ids: IdSource;

  /** @param folder for the time that a module is being read. */
  constructor(folder: string, ids: IdSource) {
    this.#folder = folder;
    this.#ids = ids;
    mkdirSync(folder, { recursive: true });
  }

  /** A fresh instance of the module, which shares nothing with earlier ones. @throws as {@link importJob}. */
  async load(text: string, name: string): Promise<JobDefinition> {
    const file = join(this.#folder, `${this.#ids.hex()}.mjs`);
    await writeFile(file, linkedToRuntime(text));
    try {
      return await importJob(pathToFileURL(file).href, name);
    } finally {
      await rm(file, { force: true });
    }
  }
}
