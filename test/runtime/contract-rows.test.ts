import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/** Rows of each group of the control plane's contract, numbered from 1. */
const GROUPS = { SUB: 17, CAN: 12, SCH: 41, DEP: 11, FO: 17, HB: 11, HA: 9, OBS: 6 };

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const ROW = new RegExp(`\\b(?:${Object.keys(GROUPS).join("|")})-\\d\\d\\b`, "g");

const rows = Object.entries(GROUPS).flatMap(([group, count]) =>
  Array.from({ length: count }, (_, index) => `${group}-${String(index + 1).padStart(2, "0")}`),
);

/** Rows named in the titles of tests. */
function shown(): ReadonlySet<string> {
  const named = new Set<string>();
  for (const path of globSync("test/**/*.{test,itcase}.ts", { cwd: ROOT })) {
    const source = readFileSync(ROOT + path, "utf8");
    for (const [title] of source.matchAll(/\b(?:it|describe)(?:\.each\([\s\S]*?\))?\(\s*["'`].*/g)) {
      for (const [row] of title.matchAll(ROW)) named.add(row);
    }
  }
  return named;
}

/** Rows that docs/runtime.md gives a reason for. */
function leftOut(): ReadonlySet<string> {
  const page = readFileSync(`${ROOT}docs/runtime.md`, "utf8");
  const [, table = ""] = page.split("## Rows that Sluice does not have");
  const cells = table.split("\n").map((line) => line.split("|")[1] ?? "");
  return new Set(cells.flatMap((cell) => cell.match(ROW) ?? []));
}

describe("the control plane's contract", () => {
  it("has a test or a reason for every row, and no reason for what is tested", () => {
    const tested = shown();
    const excused = leftOut();
    expect(rows.filter((row) => !tested.has(row) && !excused.has(row))).toEqual([]);
    expect([...excused].filter((row) => tested.has(row) || !rows.includes(row))).toEqual([]);
  });
});
