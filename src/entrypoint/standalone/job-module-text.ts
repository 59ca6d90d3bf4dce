import { SluiceException } from "../../common/exceptions.ts";
import type { JobDefinition } from "../../streaming/graph/job-definition.ts";
import { requireJobDefinition } from "../../streaming/graph/job-definition.ts";

/** The module `sluice` of this very process. */
const RUNTIME_URL = new URL("../../index.ts", import.meta.url).href;
/** An import or a re-export of `sluice`, as bundlers print it. */
const RUNTIME_IMPORT = /(\bfrom\s*|\bimport\s*)(["'])sluice\2/g;

/** The text of a job's module with its imports of `sluice` led to the runtime that is loaded here. */
export function linkedToRuntime(text: string): string {
  return text.replaceAll(RUNTIME_IMPORT, (_all, keyword: string) => `${keyword}${JSON.stringify(RUNTIME_URL)}`);
}

/**
 * Loads a job's module from `url` and takes its default export.
 *
 * @param name for messages.
 * @throws SluiceException `INVALID_PROGRAM` naming the fault.
 */
export async function importJob(url: string, name: string): Promise<JobDefinition> {
  let loaded: { readonly default?: unknown };
  try {
    // oxlint-disable-next-line sluice/no-dynamic-import -- a job's module is known only at run time
    loaded = (await import(url)) as { readonly default?: unknown };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SluiceException("INVALID_PROGRAM", `${name}: the module could not be loaded: ${message}`, {
      cause: error,
    });
  }
  return requireJobDefinition(loaded.default);
}
