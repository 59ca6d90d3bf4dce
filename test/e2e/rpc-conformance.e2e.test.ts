import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { ROWS } from "../conformance/suite.ts";
import type { RowResult } from "../conformance/suite.ts";

const configPath = fileURLToPath(new URL("../fixtures/rpc/wrangler.toml", import.meta.url).href);

describe("RPC contract on DurableObjectRpcService in a workerd process", () => {
  const harness = createTestHarness({ workers: [{ configPath }] });
  let results: readonly RowResult[] = [];

  beforeAll(async () => {
    const { url } = await harness.listen();
    const response = await fetch(url);
    // The driver's own JSON.
    results = (await response.json()) as readonly RowResult[];
  });

  afterAll(() => harness.close());

  it.each(ROWS.filter((row) => row.tag === "calling").map((row) => [row.id, row.title]))("%s %s", (id) => {
    expect(results.find((result) => result.id === id)).toMatchObject({ id, ok: true });
  });
});
