import { access, readFile } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { build, formatMessages } from "esbuild";
import type { BuildFailure, Message } from "esbuild";
import { CliException } from "./cli-exception.ts";

/** What the platform supplies when it loads a job. */
const PLATFORM_MODULE = "sluice";
const LANGUAGE_TARGET = "es2024";
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];

export interface JobBundle {
  /** File name to upload it under. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One ES module out of a job file and all that it imports but the platform. @throws CliException naming file and fault. */
export async function bundleJob(file: string): Promise<JobBundle> {
  const extension = extname(file);
  if (!EXTENSIONS.includes(extension)) {
    throw new CliException(`${file}: expected a job module (${EXTENSIONS.join(", ")}).`);
  }
  await requireFile(file);
  try {
    const { outputFiles } = await build({
      entryPoints: [resolve(file)],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["workerd", "worker", "browser"],
      external: [PLATFORM_MODULE],
      target: LANGUAGE_TARGET,
      charset: "utf8",
      legalComments: "none",
      logLevel: "silent",
    });
    const [output] = outputFiles;
    if (output === undefined) throw new CliException(`${file}: the bundler gave no output.`);
    return { name: `${basename(file, extension)}.js`, bytes: output.contents };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const [first] = error.errors;
    const details = (await formatMessages(error.errors, { kind: "error" })).join("").trimEnd();
    throw new CliException(`${file} cannot be bundled: ${describe(first)}`, { details, cause: error });
  }
}

/** @throws CliException if there is no such file. */
export async function readInputFile(file: string): Promise<Uint8Array> {
  await requireFile(file);
  return readFile(file);
}

async function requireFile(file: string): Promise<void> {
  try {
    await access(file);
  } catch (error) {
    throw new CliException(`${file}: there is no such file, or it cannot be read.`, { cause: error });
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

function describe(message: Message | undefined): string {
  if (message === undefined) return "unknown fault";
  const { location, text } = message;
  return location === null ? text : `${basename(location.file)}:${location.line}: ${text}`;
}
