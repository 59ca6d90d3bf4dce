import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

it("the example of docs/testing.md is the one that runs, word for word", () => {
  const page = readFileSync(join(ROOT, "docs/testing.md"), "utf8");
  const [, example] = /^```ts\n([^]*?)^```$/m.exec(page) ?? [];
  expect(example).toBe(readFileSync(join(ROOT, "test/testing/turnstile-guide.test.ts"), "utf8"));
});
