import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const GUIDE = "test/e2e/cart-guide";

it.each<[language: string, files: readonly string[]]>([
  ["ts", ["test/testing/turnstile-guide.test.ts"]],
  ["typescript", [`${GUIDE}/cart.ts`, `${GUIDE}/worker.ts`, `${GUIDE}/cart.e2e.test.ts`]],
  ["toml", [`${GUIDE}/wrangler.toml`]],
])("the %s of docs/testing.md is what runs in the tests, word for word", (language, files) => {
  const page = readFileSync(join(ROOT, "docs/testing.md"), "utf8");
  const shown = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text);
  expect(shown).toEqual(files.map((file) => readFileSync(join(ROOT, file), "utf8")));
});
