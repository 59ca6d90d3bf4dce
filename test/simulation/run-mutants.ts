import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { MUTANTS } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";

/** What became of one mutant: in how many of the seeds that were run it was caught. */
export interface MutantResult {
  readonly name: string;
  readonly caught: number;
  readonly seeds: number;
  /** The first violation that was seen. */
  readonly by: string;
}

const REPOSITORY = join(import.meta.dirname, "../..");
/** What the simulation is made of. */
const PARTS = ["src", "test/simulation", "scripts/simulate.ts", "package.json", "tsconfig.json"];
const Report = z.object({ seeds: z.number(), violations: z.number(), first: z.string().optional() });

/** The text with the bug in it. @throws Error if the place is not there, or there twice. */
export function applyMutant(mutant: Mutant, text: string): string {
  const places = text.split(mutant.find).length - 1;
  if (places !== 1) throw new Error(`mutant "${mutant.name}": its place occurs ${places} times in ${mutant.file}`);
  return text.replace(mutant.find, () => mutant.replace);
}

export function readSource(file: string): string {
  return readFileSync(join(REPOSITORY, file), "utf8");
}

/** Runs the simulation from a copy of the sources with each bug in turn; the sources themselves stay as they are. */
export async function* runMutants(limits: {
  readonly seeds: number;
  readonly stopAfter: number;
  readonly only?: string | undefined;
}): AsyncGenerator<MutantResult, void, undefined> {
  for (const mutant of MUTANTS) {
    if (limits.only !== undefined && !mutant.name.includes(limits.only)) continue;
    const copy = mkdtempSync(join(tmpdir(), "sluice-mutant-"));
    try {
      for (const part of PARTS) cpSync(join(REPOSITORY, part), join(copy, part), { recursive: true });
      symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
      writeFileSync(join(copy, mutant.file), applyMutant(mutant, readSource(mutant.file)));
      const { seeds, violations, first } = await simulateIn(copy, limits);
      yield { name: mutant.name, caught: violations, seeds, by: first ?? "" };
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
}

async function simulateIn(
  folder: string,
  { seeds, stopAfter }: { readonly seeds: number; readonly stopAfter: number },
): Promise<z.infer<typeof Report>> {
  const args = ["scripts/simulate.ts", "--seeds", String(seeds), "--stop-after", String(stopAfter), "--json"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await new Promise<void>((settle, reject) => {
    child.once("error", reject);
    child.once("close", () => settle());
  });
  return Report.parse(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
}
