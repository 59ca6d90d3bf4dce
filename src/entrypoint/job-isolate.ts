import sluiceModule from "../../build/sluice.runtime.txt";
import runtimeModule from "../../build/sluice-runtime.runtime.txt";
import { RUNTIME_VERSION } from "../runtime/runtime-version.ts";

/** Compatibility date of the isolates that run users' modules. */
const COMPATIBILITY_DATE = "2026-10-01";

const MAIN_MODULE = `
import definition from "./job.js";
import { createGraphExtractor, createTaskHost } from "sluice-runtime";
export const GraphExtractor = createGraphExtractor(definition);
export const TaskHost = createTaskHost(definition);
`;

/**
 * The isolate of one job module: the user's code, the platform's runtime as module `sluice`, an empty `env` and no network. What
 * the job may reach beyond its own memory comes as arguments of calls, never from here.
 *
 * @param text the uploaded module.
 */
export function jobIsolate(text: string): WorkerLoaderWorkerCode {
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    mainModule: "main.js",
    modules: {
      "main.js": MAIN_MODULE,
      "job.js": text,
      sluice: { js: sluiceModule },
      "sluice-runtime": { js: runtimeModule },
    },
    env: {},
    globalOutbound: null,
  };
}

/** Identity of the isolate: what it runs, user's code and runtime alike. */
export function jobIsolateId(moduleHash: string): string {
  return `${moduleHash}:${RUNTIME_VERSION}`;
}
