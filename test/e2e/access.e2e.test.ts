import { describe, expect, it } from "vitest";
import { BOUNDED } from "../harness/job-modules.ts";
import { Platform } from "../harness/platform.ts";

const TOKEN = "0123456789abcdef";

async function upload(platform: Platform, token?: string): Promise<number> {
  const body = new FormData();
  body.append("jarfile", new File([BOUNDED], "bounded.js"));
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await platform.fetch("/v1/jars/upload", { method: "POST", body, headers });
  await response.body?.cancel();
  return response.status;
}

async function statusOf(platform: Platform, path: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await platform.fetch(path, { headers });
  await response.body?.cancel();
  return response.status;
}

describe("access to a worker that is not in local development", () => {
  it("without the token secret: reads metadata, runs and stores nothing", async () => {
    await using platform = await Platform.start({ SLUICE_LOCAL: "0" });
    expect(await upload(platform)).toBe(403);
    expect(await statusOf(platform, "/v1/jobs/overview")).toBe(200);
    const put = await platform.fetch("/v1/sluice/objects/a", { method: "PUT", body: "a" });
    expect(put.status).toBe(403);
    const { errors } = (await put.json()) as { readonly errors: readonly string[] };
    expect(errors[0]).toContain("wrangler secret put SLUICE_TOKEN");
  });

  it("with it: every call needs the bearer token", async () => {
    await using platform = await Platform.start({ SLUICE_LOCAL: "0", SLUICE_TOKEN: TOKEN });
    expect(await upload(platform)).toBe(401);
    expect(await upload(platform, `${TOKEN}x`)).toBe(401);
    expect(await statusOf(platform, "/v1/jobs/overview")).toBe(401);
    expect(await upload(platform, TOKEN)).toBe(200);
    expect(await statusOf(platform, "/v1/jobs/overview", TOKEN)).toBe(200);
  });
});
