/**
 * The process of a WorkerdHarness: `node harness-process.ts <options as JSON>`. Bundles the worker of a Wrangler
 * configuration, wrapped for tests, and serves it in workerd on a free port, which it tells its parent. Ends with it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unstable_readConfig as readConfig, unstable_startWorker as startWorker } from "wrangler";
import * as z from "zod";
import { READY_PATH } from "./harness-protocol.ts";
import type { HarnessProcessOptions, HarnessReady } from "./harness-protocol.ts";

// Written by WorkerdHarness, which has the same type.
const options = JSON.parse(process.argv[2] ?? "") as HarnessProcessOptions;
process.once("disconnect", () => process.exit(1));

/** The part of a configuration that counts here; Wrangler publishes no type of it that the compiler can read. */
const Configuration = z.object({
  main: z.string().optional(),
  durable_objects: z.object({
    bindings: z.array(z.object({ class_name: z.string(), script_name: z.string().optional() })),
  }),
});

const { main, durable_objects } = Configuration.parse(readConfig({ config: options.config }));
if (main === undefined) throw new TypeError(`${options.config}: expected "main", the module of the worker`);
const classes = durable_objects.bindings.filter((binding) => binding.script_name === undefined);
const entrypoint = join(options.workFolder, "harnessed-worker.mjs");
writeFileSync(entrypoint, wrapped(main, [...new Set(classes.map((binding) => binding.class_name))]));

const worker = await startWorker({
  config: options.config,
  entrypoint,
  bindings: Object.fromEntries(
    Object.entries(options.variables).map(([name, value]) => [
      name,
      typeof value === "string" ? { type: "plain_text" as const, value } : { type: "json" as const, value },
    ]),
  ),
  dev: {
    watch: false,
    inspector: false,
    persist: options.stateFolder,
    server: { hostname: "127.0.0.1", port: 0 },
  },
});
// Wrangler has printed why, and would wait for an edit.
worker.raw.once("buildFailed", () => process.exit(1));
const url = await worker.url;
// Ready is who answers; what is listening before may still be building.
await fetch(new URL(READY_PATH, url));
const ready: HarnessReady = { url: url.href };
process.send?.(ready);

/** The worker's module with every class and the default export wrapped; what is exported here hides what `*` brings. */
function wrapped(path: string, objects: readonly string[]): string {
  const user = JSON.stringify(path);
  const harness = JSON.stringify(fileURLToPath(new URL("harness-worker.ts", import.meta.url).href));
  return [
    `import * as user from ${user};`,
    `import { harnessed, harnessedObject } from ${harness};`,
    `export * from ${user};`,
    ...objects.map((name) => `export class ${name} extends harnessedObject(user.${name}) {}`),
    "export default harnessed(user.default);",
    "",
  ].join("\n");
}
