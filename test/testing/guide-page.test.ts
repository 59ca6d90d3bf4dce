import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const GUIDE = "test/e2e/cart-guide";

const RAFFLE = "test/e2e/raffle-guide";

it.each<[language: string, page: string, files: readonly string[]]>([
  ["ts", "docs/testing.md", ["test/testing/turnstile-guide.test.ts"]],
  ["typescript", "docs/testing.md", [`${GUIDE}/cart.ts`, `${GUIDE}/worker.ts`, `${GUIDE}/cart.e2e.test.ts`]],
  ["toml", "docs/testing.md", [`${GUIDE}/wrangler.toml`]],
  ["typescript", "docs/message-log.md", [`${RAFFLE}/raffle.ts`, `${RAFFLE}/raffle.e2e.test.ts`]],
])("the %s of %s is what runs in the tests, word for word", (language, path, files) => {
  const page = readFileSync(join(ROOT, path), "utf8");
  const shown = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text);
  expect(shown).toEqual(files.map((file) => readFileSync(join(ROOT, file), "utf8")));
});
