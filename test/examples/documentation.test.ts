import { spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const COMPILER_TIMEOUT_MILLIS = 120_000;
const DOCS = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => `docs/${file}`);
// The reference shows declarations, which are no program.
const PAGES = ["README.md", ...DOCS].filter((page) => page !== "docs/rpc/reference.md");

/** The TypeScript of a page, in its order: one module. */
function programOf(markdown: string): string {
  return [...markdown.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code).join("\n");
}

/** What the compiler says of `programs`, with the settings of the repository. */
function compile(programs: Readonly<Record<string, string>>): string {
  mkdirSync(join(ROOT, ".wrangler"), { recursive: true });
  // Inside the repository, where packages and the settings' paths resolve.
  const folder = mkdtempSync(join(ROOT, ".wrangler/documentation-"));
  try {
    for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), text);
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts", "../../src/**/*.d.ts"] }),
    );
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const run = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8",
    });
    // What is wrong in src/ is found elsewhere.
    return run.stdout
      .split("\n")
      .filter((line) => /^[\w-]+\.ts\(/.test(line))
      .join("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("docs/README.md", () => {
  it("leads to every page", () => {
    const index = readFileSync(join(ROOT, "docs/README.md"), "utf8");
    const pages = DOCS.filter((page) => page !== "docs/README.md").map((page) => page.replace("docs/", ""));
    expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });
});

describe("the programs in the documentation", () => {
  it("compile", { timeout: COMPILER_TIMEOUT_MILLIS }, () => {
    const programs: Record<string, string> = {};
    for (const page of PAGES) {
      const program = programOf(readFileSync(join(ROOT, page), "utf8"));
      if (program !== "") programs[`${page.replaceAll(/\W/g, "-")}.ts`] = program;
    }
    expect(Object.keys(programs)).toEqual(expect.arrayContaining(["README-md.ts", "docs-rpc-README-md.ts"]));
    expect(compile(programs)).toBe("");
  });

  it("would not if they were wrong", { timeout: COMPILER_TIMEOUT_MILLIS }, () => {
    const wrong = programOf(
      'Text\n```ts\nimport { ask } from "sluice/rpc";\n```\nmore\n```ts\nask<() => 1>({ no: 1 });\n```\n',
    );
    expect(compile({ "wrong.ts": wrong })).toMatch(/wrong\.ts\(3,\d+\): error TS2353/);
  });
});
