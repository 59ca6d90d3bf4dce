import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const BARREL = join(import.meta.dirname, "../src/index.ts");
const EXPORT = /export (type )?\{([^}]*)\} from "\.[^"]*\.ts";/g;

it("the published surface is test/golden/public-exports.txt: an addition is a decision, a removal breaks someone", async () => {
  const exported = [...readFileSync(BARREL, "utf8").matchAll(EXPORT)].flatMap(([, type, names = ""]) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => `${type === undefined ? "value" : "type"} ${name}\n`),
  );
  await expect(exported.toSorted().join("")).toMatchFileSnapshot("golden/public-exports.txt");
});

it("the barrel holds nothing but named exports, so that the list is complete", () => {
  const rest = readFileSync(BARREL, "utf8")
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(EXPORT, "");
  expect(rest.trim()).toBe("");
});
