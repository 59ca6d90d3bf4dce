import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { conformancePage, evidence } from "../../scripts/generate-conformance.ts";
import { CONTRACT_GROUPS } from "./contract.ts";
import { RULINGS } from "./rulings.ts";
import { ROWS } from "./suite.ts";

describe("docs/conformance.md", () => {
  it("is up to date (node scripts/generate-conformance.ts writes it)", () => {
    const page = readFileSync(fileURLToPath(new URL("../../docs/conformance.md", import.meta.url).href), "utf8");
    expect(page).toBe(conformancePage());
  });

  it("has a test or a reason for every row of the contract, and never both", () => {
    const without = evidence().filter(
      ({ rows, tests, ruling }) => rows.length + tests.length === 0 && ruling === undefined,
    );
    expect(without.map(({ id }) => id)).toEqual([]);
    const both = evidence().filter(({ rows, tests, ruling }) => rows.length + tests.length > 0 && ruling !== undefined);
    expect(both.map(({ id }) => id)).toEqual([]);
  });

  it("has no ruling on a row that does not exist, and no row twice", () => {
    const known = new Set(evidence().map(({ id }) => id));
    expect(Object.keys(RULINGS).filter((id) => !known.has(id))).toEqual([]);
    expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
  });

  it("counts the rows that the contract has", () => {
    const rows = Object.entries(CONTRACT_GROUPS).map(([group, { rows: count }]) => `${group}${count}`);
    expect(rows.join(" ")).toBe("L30 M10 S19 T6 G10 A8 O10 X9 F15 V15 K7 Z11 U9 D5 H22 R15 P20");
  });
});
