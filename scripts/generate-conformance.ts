/**
 * Writes `docs/conformance.md` from the conformance suite's own registry and the titles of the unit tests.
 * Run: `node scripts/generate-conformance.ts`.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { CONTRACT_GROUPS, contractIds, idsIn } from "../test/conformance/contract.ts";
import type { ContractGroup } from "../test/conformance/contract.ts";
import type { Row } from "../test/conformance/row.ts";
import { RULINGS } from "../test/conformance/rulings.ts";
import { DURABLE_OBJECT_GAPS, ROWS } from "../test/conformance/suite.ts";
import type { KnownGaps } from "../test/conformance/suite.ts";
import { HTTP_GAPS } from "../test/transport/http/http-world.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PAGE = resolve(ROOT, "docs/conformance.md");

const SERVICES: readonly { readonly name: string; readonly gaps: KnownGaps }[] = [
  { name: "Local", gaps: {} },
  { name: "Durable Object", gaps: DURABLE_OBJECT_GAPS },
  { name: "Simulated", gaps: {} },
  { name: "HTTP", gaps: HTTP_GAPS },
];

interface UnitTest {
  readonly file: string;
  readonly title: string;
}

/** Titles of the unit tests of the RPC layer, as they stand in the files. */
function unitTests(): UnitTest[] {
  return globSync("test/{rpc,transport}/**/*.test.ts", { cwd: ROOT })
    .sort()
    .flatMap((file) =>
      [
        ...readFileSync(resolve(ROOT, file), "utf8").matchAll(
          /\bit\(\s*"((?:[^"\\]|\\.)*)"|\)\(\s*"((?:[^"\\]|\\.)*)"/g,
        ),
      ].map(([, plain, each]) => ({ file, title: (plain ?? each ?? "").replaceAll('\\"', '"') })),
    );
}

/** What a row of the contract rests on. */
export interface Evidence {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly tests: readonly UnitTest[];
  readonly ruling: string | undefined;
}

export function evidence(): Evidence[] {
  const tests = unitTests();
  return (Object.keys(CONTRACT_GROUPS) as ContractGroup[]).flatMap((group) =>
    contractIds(group).map((id) => ({
      id,
      rows: ROWS.filter((row) => idsIn(`${row.id} ${row.title}`).includes(id)),
      tests: tests.filter(({ title }) => idsIn(title).includes(id)),
      ruling: RULINGS[id],
    })),
  );
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function lineOf({ id, rows, tests, ruling }: Evidence): string[] {
  if (ruling !== undefined) return [`| ${id} | no test: ${cell(ruling)} | | | | |`];
  const own = rows.filter((row) => row.id === id || row.id.startsWith(id));
  const shown = own.length > 0 ? own : rows;
  return [
    ...shown.map((row) => {
      const as = row.id === id ? "" : `${row.id} `;
      return `| ${id} | ${cell(`${as}${row.title}`)} | ${SERVICES.map(({ gaps }) => (gaps[row.id] === undefined ? "yes" : "no")).join(" | ")} |`;
    }),
    ...tests.map(({ file, title }) => `| ${id} | ${cell(title)} (\`${file}\`) | unit | | | |`),
  ];
}

/** The whole page. */
export function conformancePage(): string {
  const all = evidence();
  const groups = (Object.keys(CONTRACT_GROUPS) as ContractGroup[]).map((group) => {
    const lines = all.filter(({ id }) => id.replace(/\d+$/, "") === group).flatMap(lineOf);
    return `## ${group}: ${CONTRACT_GROUPS[group].title}\n\n${HEADER}\n${lines.join("\n")}\n`;
  });
  const further = ROWS.filter((row) => !Object.hasOwn(CONTRACT_GROUPS, row.id.replace(/\d+[a-z]?$/, ""))).map(
    (row) =>
      `| ${row.id} | ${cell(row.title)} | ${SERVICES.map(({ gaps }) => (gaps[row.id] === undefined ? "yes" : "no")).join(" | ")} |`,
  );
  const gaps = SERVICES.flatMap(({ name, gaps: known }) =>
    [...Map.groupBy(Object.entries(known), ([, reason]) => reason)].map(
      ([reason, entries]) => `* ${name}: ${entries.map(([id]) => id).join(", ")}: ${reason}.`,
    ),
  );
  return `${INTRODUCTION}\n${groups.join("\n")}\n## Further rows\n\nRulings of this design that Flink has no row for: epoch and incarnation (EI), transactional turns (TX), turn modes (TM),\nstreams (ST), durable timers (DT).\n\n${HEADER}\n${further.join("\n")}\n\n## Gaps\n\nA listed gap that begins to pass fails the run.\n\n${gaps.join("\n")}\n`;
}

const HEADER = `| row | what is shown | ${SERVICES.map(({ name }) => name).join(" | ")} |\n|---|---|${SERVICES.map(() => "---").join("|")}|`;

const INTRODUCTION = `# Conformance of the RPC layer

The contract is what Flink's RPC layer observably does, row by row (groups L to R), with the changes that this design makes on purpose
(their titles say "over" and the row), and the twenty complaints of Flink's users (P). Each row is a function without a test framework in it
(\`test/conformance/rows\`). It runs on every implementation of \`RpcService\`: local and simulated on virtual time, Durable Objects in the
vitest pool and in a workerd process (\`test/e2e/rpc-conformance.e2e.test.ts\`), HTTP, by requests and over a held
connection, against a server in front of local endpoints and against workerd (\`test/e2e/http-rpc.e2e.test.ts\`). "unit": shown by a test of its own.

Generated by \`node scripts/generate-conformance.ts\`; a test fails when it is stale, and when a row has neither a test nor a reason.
`;

if (import.meta.main) writeFileSync(PAGE, conformancePage());
