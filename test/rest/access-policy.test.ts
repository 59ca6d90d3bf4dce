import { describe, expect, it } from "vitest";
import { accessPolicyOf } from "../../src/rest/access-policy.ts";
import { REST_API } from "../../src/rest/messages/rest-api.ts";
import { JOB_ID } from "./jobs.ts";
import { restHarness } from "./rest-harness.ts";

function requestOf({ url, method }: (typeof REST_API)[number]): { readonly path: string; readonly init: RequestInit } {
  const path = url
    .replace(":jobid", JOB_ID)
    .replace(":vertexid", "1".repeat(32))
    .replace(/:\w+\*?/g, "1");
  return { path: `/v1${path}`, init: { method } };
}

const READS = REST_API.filter(({ scope }) => scope === "read");
const OTHERS = REST_API.filter(({ scope }) => scope !== "read");

describe("access", () => {
  it("follows the bindings: a token is obeyed wherever it is set", () => {
    expect(accessPolicyOf({})).toEqual({ kind: "closed" });
    expect(accessPolicyOf({ SLUICE_TOKEN: "" })).toEqual({ kind: "closed" });
    expect(accessPolicyOf({ SLUICE_LOCAL: "0" })).toEqual({ kind: "closed" });
    expect(accessPolicyOf({ SLUICE_LOCAL: "1" })).toEqual({ kind: "open" });
    expect(accessPolicyOf({ SLUICE_LOCAL: "1", SLUICE_TOKEN: "t" })).toEqual({ kind: "token", token: "t" });
  });

  it("runs code, writes and reads users' data in other scopes than read", () => {
    expect(OTHERS.map(({ method, url }) => `${method} ${url}`).sort()).toEqual([
      "DELETE /jars/:jarid",
      "DELETE /sluice/clusters/:cluster",
      "DELETE /sluice/objects/:key*",
      "GET /jars/:jarid/plan",
      "GET /jobs/:jobid/yarn-cancel",
      "GET /sluice/jobs/:jobid/results",
      "GET /sluice/objects",
      "GET /sluice/objects/:key*",
      "PATCH /jobs/:jobid",
      "POST /jars/:jarid/plan",
      "POST /jars/:jarid/run",
      "POST /jars/upload",
      "POST /jobs/:jobid/checkpoints",
      "POST /jobs/:jobid/savepoints",
      "POST /jobs/:jobid/stop",
      "POST /savepoint-disposal",
      "POST /sluice/jobs/:jobid/sources/:source/records",
      "PUT /sluice/clusters/:cluster",
      "PUT /sluice/objects/:key*",
    ]);
  });

  it.each(OTHERS)("without a token $name is 403 and says what to do", async (headers) => {
    const { path, init } = requestOf(headers);
    const response = await restHarness({ access: { kind: "closed" } }).send(path, init);
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ errors: [expect.stringContaining("wrangler secret put SLUICE_TOKEN")] });
  });

  it.each(READS)("without a token $name is answered", async (headers) => {
    const { path, init } = requestOf(headers);
    expect((await restHarness({ access: { kind: "closed" } }).send(path, init)).status).not.toBe(403);
  });

  const token = restHarness({ access: { kind: "token", token: "s3cret" } });

  it.each(REST_API)("with a token $name needs it", async (headers) => {
    const { path, init } = requestOf(headers);
    const response = await token.send(path, init);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  it.each([
    ["Bearer s3cret", 200],
    ["bearer  s3cret", 200],
    ["Bearer s3cre", 401],
    ["Bearer s3crets", 401],
    ["Bearer S3CRET", 401],
    ["Bearer ", 401],
    ["Basic s3cret", 401],
    ["s3cret", 401],
  ])("authorization %j is %i", async (authorization, status) => {
    expect((await token.send("/overview", { headers: { authorization } })).status).toBe(status);
  });
});
