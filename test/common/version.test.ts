import { expect, it } from "vitest";
import { SLUICE_VERSION } from "../../src/common/version.ts";
import manifest from "../../package.json" with { type: "json" };

it("the version that jobs are pinned to is the package's", () => {
  expect(SLUICE_VERSION).toBe(manifest.version);
});
