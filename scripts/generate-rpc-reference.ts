/**
 * Writes `docs/rpc/reference.md`: every name that `sluice/rpc` and the modules below it publish, with its declaration and doc comments
 * as the compiler emits them. Run: `npm run docs`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { z } from "zod";

const ROOT = resolve(import.meta.dirname, "..");
const PAGE = join(ROOT, "docs/rpc/reference.md");
const PackageJson = z.object({ exports: z.record(z.string(), z.string()) });
/** What is published as `sluice/rpc` and below, as paths below `src/`. */
const BARRELS = Object.entries(PackageJson.parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))).exports)
  .filter(([name]) => /^\.\/rpc(\/|$)/.test(name))
  .map(([, path]) => path.replace("./src/", ""));

/** Topics in reading order with the modules they show, or the folders; what none of them names comes under the last. */
const TOPICS: readonly (readonly [title: string, ...modules: readonly string[]])[] = [
  ["Gateways", "rpc/gateway-descriptor.ts", "rpc/rpc-gateway.ts", "common/value-type.ts", "common/wire-value.ts"],
  ["Endpoints", "rpc/rpc-endpoint.ts", "rpc/fenced-rpc-endpoint.ts", "rpc/later.ts", "rpc/endpoint-context.ts"],
  ["State and time", "rpc/ports/storage.ts", "rpc/timers/durable-timers.ts", "common/duration.ts", "common/clock.ts"],
  ["Calling", "rpc/rpc-service.ts", "rpc/call-options.ts", "rpc/call-filter.ts", "rpc/dead-letters.ts"],
  ["Watching peers, and registering at them", "rpc/heartbeat/", "rpc/registration/", "rpc/fencing/"],
  ["Message log", "rpc/message-log/"],
  ["On Durable Objects", "entrypoint/durable-object-rpc.ts", "entrypoint/durable-object.ts"],
  ["Over HTTP", "transport/http/"],
  ["On Node, Bun and Deno", "entrypoint/standalone/"],
  ["Exceptions", "common/exceptions.ts", "rpc/exceptions.ts"],
  ["And the rest"],
];

interface Declaration {
  readonly name: string;
  /** Below `src/`. */
  readonly module: string;
  readonly text: string;
}

/** The page as it should be. @throws Error if the compiler does not emit a barrel or something that it exports. */
export function rpcReference(): string {
  mkdirSync(join(ROOT, ".wrangler"), { recursive: true });
  // Inside the repository, where packages and the settings' paths resolve.
  const folder = mkdtempSync(join(ROOT, ".wrangler/reference-"));
  try {
    emitDeclarations(folder);
    return renderPage(BARRELS.flatMap((barrel) => exportsOf(join(folder, "out"), barrel)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function emitDeclarations(folder: string): void {
  const settings = {
    extends: "../../tsconfig.json",
    include: [],
    files: BARRELS.map((barrel) => `../../src/${barrel}`),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      stripInternal: true,
      rootDir: "../../src",
      outDir: "out",
    },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  // Errors in the sources are found elsewhere; declarations are emitted all the same.
  spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder]);
}

/** Everything that `module` exports, its own declarations and those of others. */
function exportsOf(out: string, module: string): Declaration[] {
  const text = readFileSync(join(out, module.replace(/\.ts$/, ".d.ts")), "utf8");
  const own = declarationsIn(text).map((declaration) => ({ ...declaration, module }));
  const others = [...text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from "([^"]+)";$/gm)].flatMap(
    ([, what = "", from = ""]) => {
      const exported = exportsOf(out, relative(".", join(dirname(module), from)));
      if (what === "*") return exported;
      return [...what.matchAll(/\w+/g)].map(([name]) => {
        const declaration = exported.find((candidate) => candidate.name === name);
        if (declaration === undefined) throw new Error(`${module} exports ${name}, which ${from} does not declare`);
        return declaration;
      });
    },
  );
  return [...own, ...others];
}

/** The exported declarations of an emitted file; what belongs to one name (overloads, a type beside a value) is one. */
export function declarationsIn(text: string): Omit<Declaration, "module">[] {
  const byName = new Map<string, string[]>();
  // A statement, with the doc comment before it, reaches to the next line that starts one.
  const statements = text.matchAll(/^(?:\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?\w[^]*?(?=^(?:\/\*\*|\w)|(?![^]))/gm);
  for (const [statement] of statements) {
    const name = /^export (?:declare )?(?:abstract )?(?:class|function|interface|type|const) (\w+)/m.exec(
      statement,
    )?.[1];
    if (name !== undefined) byName.set(name, [...(byName.get(name) ?? []), statement.trimEnd()]);
  }
  return [...byName].map(([name, parts]) => ({ name, text: tidy(parts.join("\n")) }));
}

/** Without what only the compiler needs, indented like the sources. */
function tidy(text: string): string {
  return text
    .replaceAll(/^ +#private;\n/gm, "")
    .replaceAll(/^export (?:declare )?/gm, "")
    .replaceAll(/^ +/gm, (spaces) => " ".repeat(Math.ceil(spaces.length / 2)));
}

function renderPage(declarations: readonly Declaration[]): string {
  const unique = [...new Map(declarations.map((of) => [`${of.module} ${of.name}`, of])).values()];
  const shownBy = (modules: readonly string[], module: string): number =>
    modules.findIndex((shown) => module.startsWith(shown));
  const isNamed = ({ module }: Declaration): boolean => TOPICS.some(([, ...modules]) => shownBy(modules, module) >= 0);
  const sections = TOPICS.map(([title, ...modules]) => ({
    title,
    members: unique
      .filter((of) => (modules.length > 0 ? shownBy(modules, of.module) >= 0 : !isNamed(of)))
      .toSorted((left, right) => shownBy(modules, left.module) - shownBy(modules, right.module)),
  })).filter(({ members }) => members.length > 0);
  const index = sections.map(
    ({ title, members }) =>
      `- **${title}:** ${members.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(", ")}`,
  );
  const body = sections.flatMap(({ title, members }) => [`## ${title}`, ...members.map(renderDeclaration)]);
  const introduction =
    "What `sluice/rpc` and the modules below it export. The [guide](README.md) says how it fits together; the comments " +
    "here are the contract.";
  const origin = "<!-- Generated by scripts/generate-rpc-reference.ts from the doc comments: npm run docs -->";
  return `${[`# Reference`, origin, introduction, index.join("\n"), ...body].join("\n\n")}\n`;
}

function renderDeclaration({ name, module, text }: Declaration): string {
  return `### ${name}\n\n[src/${module}](../../src/${module})\n\n\`\`\`ts\n${text}\n\`\`\``;
}

if (import.meta.main) writeFileSync(PAGE, rpcReference());
