/**
 * Builds what the worker carries as text: the runtime that uploaded jobs import as module `sluice`, and the isolate's own
 * entry (task host, graph extraction). Two files under `build/`:
 *
 * - `sluice-runtime.runtime.txt`: public API and task host in one module, so that both share their classes;
 * - `sluice.runtime.txt`: the module `sluice`, which re-exports the public names only.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { build } from "esbuild";

const root = dirname(import.meta.dirname);
const outputFolder = `${root}/build`;

async function bundle(entry: string): Promise<{ readonly text: string; readonly exports: readonly string[] }> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: "build",
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    external: ["cloudflare:workers"],
    keepNames: true,
    write: false,
    metafile: true,
    logLevel: "warning",
  });
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
