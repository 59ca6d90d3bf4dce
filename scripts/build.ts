/**
 * Builds what the worker carries as text: the runtime that uploaded jobs import as module `sluice`, and the isolate's own
 * entry (task host, graph extraction). Two files under `build/`:
 *
 * - `sluice-runtime.runtime.txt`: public API and task host in one module, so that both share their classes;
 * - `sluice.runtime.txt`: the module `sluice`, which re-exports the public names only.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outputFolder = `${root}build`;

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2024",
  external: ["cloudflare:workers"],
  keepNames: true,
  write: false,
  metafile: true,
  logLevel: "warning",
} as const;

async function bundle(entry: string): Promise<{ readonly text: string; readonly exports: readonly string[] }> {
  const result = await build({ ...common, entryPoints: [entry], outdir: "build" });
  const [file] = result.outputFiles;
  const [output] = Object.values(result.metafile.outputs);
  if (file === undefined || output === undefined) throw new Error(`esbuild wrote nothing for ${entry}`);
  return { text: file.text, exports: output.exports };
}

const runtime = await bundle("src/entrypoint/task-host/runtime-module.ts");
const { exports: publicNames } = await bundle("src/index.ts");

await mkdir(outputFolder, { recursive: true });
await writeFile(`${outputFolder}/sluice-runtime.runtime.txt`, runtime.text);
await writeFile(
  `${outputFolder}/sluice.runtime.txt`,
  `export { ${[...publicNames].sort().join(", ")} } from "sluice-runtime";\n`,
);
