import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BrowserPage } from "../dashboard/browser-page.ts";
import { BOUNDED } from "../harness/job-modules.ts";
import { Platform, until } from "../harness/platform.ts";

describe("the first look on workerd", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const openInBrowser = (): Promise<Response> => platform.fetch("/", { headers: { accept: "text/html,*/*;q=0.8" } });

  it("is given to browsers, under a policy that fits the document", async () => {
    const response = await openInBrowser();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    const policy = response.headers.get("content-security-policy") ?? "";
    const html = await response.text();
    for (const tag of ["script", "style"]) {
      const text = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html)?.[1] ?? "";
      expect(policy).toContain(`${tag}-src 'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    }
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
  });

  it("is not given to Flink's clients (contract: rest-v1 6.4)", async () => {
    const response = await platform.fetch("/", { headers: { accept: "*/*" } });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ errors: ["Unable to load requested file /."] });
  });

  it("shows a real job and its rows", async () => {
    const html = await (await openInBrowser()).text();
    const page = new BrowserPage(html, (request) => {
      const { pathname, search } = new URL(request.url);
      return platform.fetch(`${pathname}${search}`, { method: request.method, headers: request.headers });
    });
    const shown = (id: string, part: string): Promise<string> =>
      until(
        async () => page.text(id),
        (text) => text.includes(part),
        `#${id}`,
      );
    await shown("pulse", "live");
    expect(page.element("welcome").hidden).toBe(false);

    const jobId = await platform.run(BOUNDED);
    await platform.job(jobId, ({ state }) => state === "FINISHED");
    await page.ring();
    await shown("jobs", "FINISHEDbounded");
    expect(page.element("welcome").hidden).toBe(true);
    for (const part of [jobId, "Source: three", "Records in3", "Committed rowsvalue321"]) await shown("job", part);
  });
});
