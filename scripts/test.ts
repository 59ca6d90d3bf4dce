/**
 * `npm test`: every check of the repository, one stage after the other. A failed stage does not hide the ones behind it; the exit
 * code is 1 if anything failed. `npm test -- --stage lint` runs one stage (the option may be repeated).
 *
 * The last line is `N passed, N failed`: the tests that vitest ran, where a stage that failed without a failing test counts as one.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pc from "picocolors";
import { z } from "zod";

interface Stage {
  readonly name: string;
  readonly title: string;
  /** Script to run with Node, and its arguments. */
  readonly command: readonly [script: string, ...args: string[]];
  /** Stages of vitest show their own progress and report counts. */
  readonly vitest?: true;
}

interface Outcome {
  readonly stage: Stage;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
}

const ROOT = resolve(import.meta.dirname, "..");
const MILLIS_PER_SECOND = 1000;
const NAME_WIDTH = 10;

const STAGES: readonly Stage[] = [
  { name: "format", title: "format check", command: ["node_modules/oxfmt/bin/oxfmt", "--check"] },
  { name: "lint", title: "typed lint, layers, cycles", command: ["node_modules/oxlint/bin/oxlint", "--type-aware"] },
  {
    name: "types",
    title: "types of src, test, examples, scripts",
    command: ["node_modules/typescript/bin/tsc", "-p", "."],
  },
  { name: "build", title: "runtime for uploaded jobs", command: ["scripts/build.ts"] },
  vitestStage("unit", "unit and architecture tests"),
  vitestStage("workerd", "tests inside workerd"),
  vitestStage("e2e", "end to end over HTTP against real workerd"),
];

function vitestStage(name: string, title: string): Stage {
  return { name, title, command: ["node_modules/vitest/vitest.mjs", "run", "--project", name], vitest: true };
}

const VitestReport = z.object({ numPassedTests: z.number(), numFailedTests: z.number() });

/** Runs one process to its end; its output is shown at once if `live`, else only when it fails. */
async function runProcess(command: readonly string[], live: boolean): Promise<boolean> {
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
    env: { ...process.env, X_LOCAL_OBSERVABILITY: "false" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const ok = await new Promise<boolean>((settle, reject) => {
    child.once("error", reject);
    child.once("close", (code) => settle(code === 0));
  });
  if (!ok) {
    process.stdout.write(output);
  }
  return ok;
}

async function runStage(stage: Stage, reportFolder: string): Promise<Outcome> {
  const started = performance.now();
  const report = join(reportFolder, `${stage.name}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const command = stage.vitest === true ? [...stage.command, ...reporters] : stage.command;
  const ok = await runProcess(command, stage.vitest === true);
  const counts = existsSync(report)
    ? VitestReport.parse(JSON.parse(readFileSync(report, "utf8")))
    : { numPassedTests: 0, numFailedTests: 0 };
  return {
    stage,
    seconds: (performance.now() - started) / MILLIS_PER_SECOND,
    passed: counts.numPassedTests,
    failed: ok ? counts.numFailedTests : Math.max(1, counts.numFailedTests),
  };
}

function describeOutcome({ stage, seconds, passed, failed }: Outcome): string {
  const mark = failed === 0 ? pc.green("✔") : pc.red("✘");
  const counts = stage.vitest === true ? `${passed} passed, ${failed} failed` : "";
  return `${mark} ${stage.name.padEnd(NAME_WIDTH)}${`${seconds.toFixed(1)} s`.padStart(NAME_WIDTH)}   ${counts}`.trimEnd();
}

function selectStages(): readonly Stage[] {
  const { values } = parseArgs({ options: { stage: { type: "string", multiple: true } } });
  const names = values.stage ?? STAGES.map(({ name }) => name);
  return names.map((name) => {
    const stage = STAGES.find((candidate) => candidate.name === name);
    if (stage === undefined) {
      throw new Error(`--stage: no stage "${name}"; stages are ${STAGES.map((each) => each.name).join(", ")}`);
    }
    return stage;
  });
}

async function main(): Promise<void> {
  const stages = selectStages();
  const reportFolder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const outcomes: Outcome[] = [];
  try {
    for (const [index, stage] of stages.entries()) {
      console.log(pc.bold(`[${index + 1}/${stages.length}] ${stage.name}: ${stage.title}`));
      const outcome = await runStage(stage, reportFolder);
      outcomes.push(outcome);
      console.log(describeOutcome(outcome));
    }
  } finally {
    rmSync(reportFolder, { recursive: true, force: true });
  }
  const sum = (pick: (outcome: Outcome) => number): number => outcomes.reduce((total, each) => total + pick(each), 0);
  console.log(`\n${outcomes.map(describeOutcome).join("\n")}\n${sum(({ seconds }) => seconds).toFixed(1)} s in all`);
  console.log(`${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`);
  process.exitCode = sum(({ failed }) => failed) === 0 ? 0 : 1;
}

try {
  await main();
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
