import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SluiceException } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { JobDefinition } from "../../streaming/graph/job-definition.ts";
import { requireJobDefinition } from "../../streaming/graph/job-definition.ts";

/** The module `sluice` of this very process. */
const RUNTIME_URL = new URL("../../index.ts", import.meta.url).href;
/** An import or a re-export of `sluice`, as bundlers print it. */
const RUNTIME_IMPORT = /(\bfrom\s*|\bimport\s*)(["'])sluice\2/g;

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

  /**
   * A fresh instance of the module, which shares nothing with earlier ones.
   *
   * @param name for messages.
   * @throws SluiceException `INVALID_PROGRAM` naming the fault.
   */
  async load(text: string, name: string): Promise<JobDefinition> {
    const file = join(this.#folder, `${this.#ids.hex()}.mjs`);
    await writeFile(
      file,
      text.replaceAll(RUNTIME_IMPORT, (_all, keyword: string) => `${keyword}${JSON.stringify(RUNTIME_URL)}`),
    );
    let loaded: { readonly default?: unknown };
    try {
      // oxlint-disable-next-line sluice/no-dynamic-import -- a job's module is known only at run time
      loaded = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new SluiceException("INVALID_PROGRAM", `${name}: the module could not be loaded: ${message}`, {
        cause: error,
      });
    } finally {
      await rm(file, { force: true });
    }
    return requireJobDefinition(loaded.default);
  }
}
