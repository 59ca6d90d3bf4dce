/**
 * The process of a {@link LocalWorker} that does not watch the sources: `node local-worker-process.ts <options as JSON>`. What
 * `wrangler dev` does, less the reload on every edit (which resets all objects), the inspector and the keyboard.
 */
import { unstable_startWorker as startWorker } from "wrangler";
import { LOCAL_HOST } from "./free-port.ts";

/** The argument, as JSON. */
export interface LocalWorkerProcessOptions {
  readonly config: string;
  readonly port: number;
  readonly stateFolder: string;
  readonly variables: Readonly<Record<string, string>>;
}

// Written by LocalWorker, which imports the type above.
const options = JSON.parse(process.argv[2] ?? "") as LocalWorkerProcessOptions;

await startWorker({
  config: options.config,
  bindings: Object.fromEntries(
    Object.entries(options.variables).map(([name, value]) => [name, { type: "plain_text" as const, value }]),
  ),
  dev: {
    watch: false,
    inspector: false,
    persist: options.stateFolder,
    server: { hostname: LOCAL_HOST, port: options.port },
  },
});
