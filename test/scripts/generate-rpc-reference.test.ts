import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { declarationsIn, rpcReference } from "../../scripts/generate-rpc-reference.ts";

const PAGE = join(import.meta.dirname, "../../docs/rpc/reference.md");
const COMPILER_TIMEOUT_MILLIS = 120_000;

describe("docs/rpc/reference.md", () => {
  it("is what the doc comments say (else: npm run docs)", { timeout: COMPILER_TIMEOUT_MILLIS }, () => {
    expect(readFileSync(PAGE, "utf8")).toBe(rpcReference());
  });
});

describe("the declarations of an emitted file", () => {
  it("are the exported ones, each with its own comment; what shares a name is one", () => {
    const emitted = [
      'import type { Other } from "./other.ts";',
      "/** A class. */",
      "export declare abstract class A {",
      "    #private;",
      "    /** A field. */",
      "    readonly field: {",
      "        inner: Other;",
      "    };",
      "}",
      "type Hidden = 1;",
      "/** Both. */",
      "export declare const B: Hidden;",
      "export type B = typeof B;",
      "export {};",
      "",
    ].join("\n");
    expect(declarationsIn(emitted)).toEqual([
      {
        name: "A",
        text: "/** A class. */\nabstract class A {\n  /** A field. */\n  readonly field: {\n    inner: Other;\n  };\n}",
      },
      { name: "B", text: "/** Both. */\nconst B: Hidden;\ntype B = typeof B;" },
    ]);
  });
});
