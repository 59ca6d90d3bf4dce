import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { REPOSITORY, TOOL_TIMEOUT_MILLIS } from "./source-tree.ts";

/**
 * Proves every rule of the linter's configuration once, by a planted violation: a tree outside the repository, linted with the
 * repository's own configuration, and one file for each rule.
 */

interface Planted {
  readonly title: string;
  readonly file: string;
  readonly text: string;
  /** The rule that must be reported; undefined for a file that must pass. */
  readonly rule: string | undefined;
}

/** Files the planted imports point at. */
const TARGETS = [
  "src/common/ids.ts",
  "src/rpc/mailbox.ts",
  "src/rpc/index.ts",
  "src/rpc/storage/key-value.ts",
  "src/storage/sqlite/other/file.ts",
  "src/transport/local/local.ts",
  "src/transport/durable-object/object.ts",
  "src/storage/sqlite/sqlite.ts",
  "src/runtime/messages/task.ts",
  "src/runtime/jobgraph/job-graph.ts",
  "src/runtime/jobmaster/job-master.ts",
  "src/runtime/jobmaster/job-master-gateway.ts",
  "src/runtime/jobmaster/job-master-id.ts",
  "src/streaming/graph/stream-graph.ts",
  "src/rest/messages/headers.ts",
  "src/rest/rest-endpoint.ts",
  "src/client/client.ts",
  "src/testing/manual-clock.ts",
  "src/entrypoint/shell.ts",
];

function imports(...specifiers: string[]): string {
  return specifiers.map((specifier, index) => `export { value as value${index} } from "${specifier}";`).join("\n");
}

const LAYERS: readonly Planted[] = [
  layer("src/common/a.ts", "../rpc/mailbox.ts"),
  layer("src/rpc/a.ts", "../runtime/messages/task.ts"),
  layer("src/rpc/timers/a.ts", "../../transport/local/local.ts"),
  layer("src/rpc/a/b/c/d/a.ts", "../../../../../runtime/messages/task.ts"),
  layer("src/runtime/dispatcher/inner/a.ts", "../../../storage/sqlite/sqlite.ts"),
  layer("src/runtime/dispatcher/inner/b.ts", "../../jobmaster/job-master.ts"),
  layer("src/rpc/e.ts", "./timers/../../runtime/messages/task.ts"),
  layer("src/transport/local/inner/a.ts", "../../durable-object/object.ts"),
  layer("src/transport/local/a.ts", "../../storage/sqlite/sqlite.ts"),
  layer("src/transport/local/b.ts", "../durable-object/object.ts"),
  layer("src/storage/sqlite/a.ts", "../../transport/local/local.ts"),
  layer("src/storage/a.ts", "../runtime/messages/task.ts"),
  layer("src/runtime/a.ts", "../transport/local/local.ts"),
  layer("src/runtime/jobgraph/a.ts", "../../storage/sqlite/sqlite.ts"),
  layer("src/runtime/jobgraph/b.ts", "../../streaming/graph/stream-graph.ts"),
  layer("src/runtime/jobgraph/c.ts", "../jobmaster/job-master.ts"),
  layer("src/runtime/dispatcher/a.ts", "../jobmaster/job-master.ts"),
  layer("src/runtime/taskexecutor/a.ts", "../../streaming/graph/stream-graph.ts"),
  layer("src/runtime/resourcemanager/a.ts", "cloudflare:workers"),
  layer("src/streaming/a.ts", "../rest/messages/headers.ts"),
  layer("src/streaming/task/a.ts", "../../entrypoint/shell.ts"),
  layer("src/streaming/task/b.ts", "../../testing/manual-clock.ts"),
  layer("src/connectors/a.ts", "../rest/messages/headers.ts"),
  layer("src/rest/a.ts", "../runtime/jobmaster/job-master.ts"),
  layer("src/rest/handler/a.ts", "../../client/client.ts"),
  layer("src/rest/messages/a.ts", "../../rpc/mailbox.ts"),
  layer("src/client/a.ts", "../rest/rest-endpoint.ts"),
  layer("src/client/b.ts", "../runtime/messages/task.ts"),
  layer("src/cli/a.ts", "../runtime/messages/task.ts"),
  layer("src/dashboard/a.ts", "../streaming/graph/stream-graph.ts"),
  layer("src/testing/a.ts", "../entrypoint/shell.ts"),
  layer("src/testing/b.ts", "cloudflare:workers"),
  layer("src/entrypoint/a.ts", "../testing/manual-clock.ts"),
  layer("src/rpc/b.ts", "sluice"),
  layer("src/rpc/c.ts", "../../src/runtime/messages/task.ts"),
  layer("src/storage/sqlite/b.ts", "cloudflare:workers"),
  layer("src/worker.ts", "./runtime/messages/task.ts"),
  layer("src/index.ts", "./entrypoint/shell.ts"),
  layer("src/runtime/b.ts", "node:timers/promises"),
  layer("src/rpc/f.ts", "node:crypto"),
  layer("src/common/b.ts", "node:fs"),
  layer("src/rpc/d.ts", "../testing/manual-clock.ts", "type"),
];

const ALLOWED: readonly Planted[] = [
  allowed("src/rpc/ok.ts", "../common/ids.ts", "./mailbox.ts", "./storage/key-value.ts"),
  allowed("src/rpc/ok-async.ts", "node:async_hooks"),
  allowed("src/storage/sqlite/ok.ts", "node:sqlite"),
  allowed("src/cli/ok.ts", "node:timers/promises", "node:fs"),
  allowed("src/rpc/timers/ok.ts", "../storage/key-value.ts"),
  allowed("src/storage/sqlite/inner/ok.ts", "../sqlite.ts", "../other/file.ts"),
  allowed("src/transport/durable-object/ok.ts", "../../rpc/mailbox.ts", "cloudflare:workers"),
  allowed("src/storage/durable-object/ok.ts", "../../common/ids.ts", "cloudflare:workers"),
  allowed("src/runtime/dispatcher/ok.ts", "../jobmaster/job-master-gateway.ts", "../jobmaster/job-master-id.ts"),
  allowed("src/runtime/dispatcher/ok-messages.ts", "../messages/task.ts", "../jobgraph/job-graph.ts"),
  allowed("src/runtime/jobmaster/ok.ts", "./job-master.ts", "../../rpc/mailbox.ts"),
  allowed("src/streaming/task/ok.ts", "../../runtime/messages/task.ts", "../graph/stream-graph.ts"),
  allowed("src/rest/handler/ok.ts", "../../runtime/jobmaster/job-master-gateway.ts", "../messages/headers.ts"),
  allowed("src/client/ok.ts", "../rest/messages/headers.ts", "../common/ids.ts"),
  allowed(
    "src/entrypoint/ok.ts",
    "../runtime/jobmaster/job-master.ts",
    "../rest/rest-endpoint.ts",
    "cloudflare:workers",
  ),
];

const CODE: readonly Planted[] = [
  code("import(no-cycle)", "src/rpc/cycle-a.ts", `import type { B } from "./cycle-b.ts";\nexport type A = B[];`),
  code("import(no-cycle)", "src/rpc/cycle-b.ts", `import type { A } from "./cycle-a.ts";\nexport type B = A | 1;`),
  code(
    "import(no-self-import)",
    "src/rpc/self.ts",
    `import { a } from "./self.ts";\nexport const a = 1;\nexport const b = a;`,
  ),
  code("import(no-default-export)", "src/rpc/default.ts", "export default 1;"),
  code(
    "sluice(no-dynamic-import)",
    "src/rpc/dynamic.ts",
    `export const load = (name: string): Promise<unknown> => import(name);`,
  ),
  code("eslint(no-restricted-properties)", "src/rpc/date-now.ts", "export const now = Date.now();"),
  code("eslint(no-restricted-properties)", "src/runtime/random.ts", "export const random = Math.random();"),
  code("eslint(no-restricted-properties)", "src/runtime/uuid.ts", "export const id = crypto.randomUUID();"),
  code("eslint(no-restricted-properties)", "src/runtime/perf.ts", "export const now = performance.now();"),
  code("sluice(no-current-date)", "src/runtime/date.ts", "export const now = new Date();"),
  code("eslint(no-restricted-globals)", "src/streaming/timeout.ts", "setTimeout(() => undefined, 1);"),
  code("eslint(no-restricted-globals)", "src/streaming/interval.ts", "setInterval(() => undefined, 1);"),
  code("eslint(no-restricted-globals)", "src/rest/console.ts", `console.log("x");`),
  code("eslint(no-restricted-globals)", "test/rpc/sleep.test.ts", "setTimeout(() => undefined, 1);"),
  code("eslint(no-restricted-properties)", "test/rpc/now.test.ts", "export const now = Date.now();"),
  code("eslint(no-restricted-globals)", "src/streaming/global.ts", "globalThis.setTimeout(() => undefined, 1);"),
  code("typescript(no-floating-promises)", "src/rpc/float.ts", "export async function f(): Promise<void> {}\nf();"),
  code(
    "typescript(no-misused-promises)",
    "src/rpc/misused.ts",
    "export async function f(): Promise<boolean> {\n  return true;\n}\nif (f()) f.call(0).catch(String);",
  ),
  code("typescript(no-explicit-any)", "src/rpc/any.ts", "export let a: any;"),
  code("typescript(no-unsafe-assignment)", "src/rpc/unsafe.ts", `export const a: { b: 1 } = JSON.parse("{}");`),
  code("typescript(no-unsafe-member-access)", "src/rpc/member.ts", `export const a = String(JSON.parse("{}").b);`),
  code("typescript(no-unsafe-return)", "src/rpc/return.ts", `export const a = (): number => JSON.parse("1");`),
  code("typescript(no-unsafe-argument)", "src/rpc/argument.ts", `export const a = Math.abs(JSON.parse("1"));`),
  code("typescript(no-unsafe-call)", "src/rpc/call.ts", `JSON.parse("1")();`),
  code("typescript(only-throw-error)", "src/rpc/throw.ts", `export function f(): never {\n  throw "x";\n}`),
  code(
    "typescript(consistent-type-imports)",
    "src/rpc/type.ts",
    `import { A } from "./cycle-a.ts";\nexport type C = A;`,
  ),
  code("typescript(ban-ts-comment)", "src/rpc/ignore.ts", "// @ts-ignore\nexport const a: number = 1;"),
  code(
    "typescript(switch-exhaustiveness-check)",
    "src/rpc/switch.ts",
    `export function f(kind: "a" | "b"): number | undefined {\n  switch (kind) {\n    case "a":\n      return 1;\n  }\n  return undefined;\n}`,
  ),
  code(
    "eslint(max-params)",
    "src/rpc/params.ts",
    "export const f = (a: 1, b: 1, c: 1, d: 1): number => a + b + c + d;",
  ),
  code(
    "eslint(max-lines)",
    "src/rpc/long.ts",
    "export const a = 1;\n".replace("a", "a0") + "// one more line\n".repeat(500),
  ),
  code("eslint(max-lines)", "test/rpc/long.test.ts", "// one more line\n".repeat(801) + "export {};\n"),
  code("eslint(eqeqeq)", "src/rpc/equal.ts", "export const f = (a: number, b: number): boolean => a == b;"),
  code("unicorn(filename-case)", "src/rpc/camelCase.ts", "export const a = 1;"),
  code(
    "unicorn(no-abusive-eslint-disable)",
    "src/rpc/disable.ts",
    "// oxlint-disable-next-line\nexport const a = 1 == 1;",
  ),
  code(
    "import(no-duplicates)",
    "src/rpc/twice.ts",
    `import { value } from "./mailbox.ts";\nimport { value as other } from "./mailbox.ts";\nexport const a = [value, other];`,
  ),
  code(
    "vitest(no-focused-tests)",
    "test/rpc/focus.test.ts",
    `import { expect, it } from "vitest";\nit.only("x", () => {\n  expect(1).toBe(1);\n});`,
  ),
  code(
    "vitest(no-disabled-tests)",
    "test/rpc/skip.test.ts",
    `import { expect, it } from "vitest";\nit.skip("x", () => {\n  expect(1).toBe(1);\n});`,
  ),
  code(
    "vitest(valid-expect)",
    "test/rpc/expect.test.ts",
    `import { expect, it } from "vitest";\nit("x", () => {\n  expect(1);\n});`,
  ),
  code(
    undefined,
    "src/common/clock.ts",
    "export const now = (): number => Date.now();\nsetTimeout(() => undefined, 1);",
  ),
  code(undefined, "src/entrypoint/log.ts", `console.log("x", new Date());`),
  code(undefined, "test/e2e/wait.e2e.test.ts", "export const now = Date.now();\nsetTimeout(() => undefined, 1);"),
];

function layer(file: string, specifier: string, kind: "value" | "type" = "value"): Planted {
  const text = kind === "type" ? `export type { value } from "${specifier}";` : imports(specifier);
  return { title: `${file} imports ${specifier}`, file, text, rule: "eslint(no-restricted-imports)" };
}

function allowed(file: string, ...specifiers: string[]): Planted {
  return { title: `${file} imports ${specifiers.join(", ")}`, file, text: imports(...specifiers), rule: undefined };
}

function code(rule: string | undefined, file: string, text: string): Planted {
  return { title: file, file, text, rule };
}

const Report = z.object({ diagnostics: z.array(z.object({ code: z.string().optional(), filename: z.string() })) });

describe("the linter's rules", () => {
  let tree: string;
  const found = new Map<string, string[]>();

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), "sluice-rules-"));
    for (const file of ["oxlint.config.ts", "tsconfig.json", "package.json", "scripts/lint"]) {
      cpSync(join(REPOSITORY, file), join(tree, file), { recursive: true });
    }
    symlinkSync(join(REPOSITORY, "node_modules"), join(tree, "node_modules"));
    const targets = TARGETS.map((file) => ({ file, text: "export const value = 1;" }));
    for (const { file, text } of [...targets, ...LAYERS, ...ALLOWED, ...CODE]) {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), `${text}\n`);
    }
    const oxlint = join(REPOSITORY, "node_modules/oxlint/bin/oxlint");
    const run = spawnSync(process.execPath, [oxlint, "--type-aware", "--format", "json", "src", "test"], {
      cwd: tree,
      encoding: "utf8",
    });
    for (const { code: rule, filename } of Report.parse(JSON.parse(run.stdout)).diagnostics) {
      found.set(filename, [...(found.get(filename) ?? []), rule ?? "no rule"]);
    }
  }, TOOL_TIMEOUT_MILLIS);

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it.each([...LAYERS, ...CODE].filter(({ rule }) => rule !== undefined))("refuse: $title ($rule)", ({ file, rule }) => {
    expect(found.get(file)).toContain(rule);
  });

  it.each([...ALLOWED, ...CODE.filter(({ rule }) => rule === undefined)])("allow: $title", ({ file }) => {
    expect(found.get(file) ?? []).toEqual([]);
  });
});
