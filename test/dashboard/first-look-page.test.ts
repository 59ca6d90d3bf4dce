import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { answerFirstLook, FIRST_LOOK_HTML } from "../../src/dashboard/first-look-page.ts";
import type { RestServices } from "../../src/rest/rest-endpoint.ts";
import { JOB_ID, jobDetails, UNKNOWN_JOB_ID } from "../rest/jobs.ts";
import { InMemoryCluster, restHarness } from "../rest/rest-harness.ts";
import { BrowserPage } from "./browser-page.ts";

const BROWSER_ACCEPTS = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

function ask(accept: string | undefined, init: RequestInit & { readonly path?: string } = {}) {
  const headers = accept === undefined ? {} : { accept };
  return answerFirstLook(new Request(`http://sluice.test${init.path ?? "/"}`, { ...init, headers }));
}

describe("who is given the page", () => {
  it.each([BROWSER_ACCEPTS, "text/html", "application/json, Text/HTML;q=0.1"])("accepts %s: yes", async (accept) => {
    const response = await ask(accept);
    expect(response?.status).toBe(200);
    expect(response?.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    expect(response?.headers.get("vary")).toBe("Accept");
    expect(await response?.text()).toBe(FIRST_LOOK_HTML);
  });

  it.each([undefined, "*/*", "text/*", "application/json", "text/html;q=0", "text/html-sandboxed"])(
    "accepts %s: no, the REST endpoint answers",
    (accept) => {
      expect(ask(accept)).toBeUndefined();
    },
  );

  it.each([
    ["GET", "/jobs"],
    ["GET", "/v1/"],
    ["POST", "/"],
    ["OPTIONS", "/"],
  ])("%s %s is not for it", (method, path) => {
    expect(ask(BROWSER_ACCEPTS, { method, path })).toBeUndefined();
  });

  it("HEAD has the headers alone", async () => {
    const response = await ask(BROWSER_ACCEPTS, { method: "HEAD" });
    expect(response?.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    expect(response?.body).toBeNull();
  });
});

describe("the document", () => {
  const inline = (tag: string): string =>
    new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(FIRST_LOOK_HTML)?.[1] ?? expect.fail(`no <${tag}>`);
  const source = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

  it("runs its one script, has its one style sheet, and nothing else", async () => {
    const response = await ask(BROWSER_ACCEPTS);
    expect(response?.headers.get("content-security-policy")?.split("; ")).toEqual([
      "default-src 'none'",
      `script-src ${source(inline("script"))}`,
      `style-src ${source(inline("style"))}`,
      "img-src data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(FIRST_LOOK_HTML.match(/<(script|style)\b/g)).toEqual(["<style", "<script"]);
  });

  it("names no other place than its own (the namespace of SVG is a name, not an address)", () => {
    const text = FIRST_LOOK_HTML.replaceAll("%2F", "/").replaceAll("%3A", ":");
    expect([...new Set(text.match(/(?:https?:|wss?:)?\/\/[a-z][^"'%\s]*/gi))]).toEqual(["http://www.w3.org/2000/svg"]);
    expect(text).not.toMatch(/@import|url\(|\bsrc=|<base|<iframe/);
  });

  it("makes no markup of data, and has no attribute that its policy forbids", () => {
    expect(inline("script")).not.toMatch(
      /innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|eval|Function\(/,
    );
    expect(FIRST_LOOK_HTML).not.toMatch(/<[a-z][^>]* (on[a-z]+|style)=/);
  });
});

describe("the page in a browser, on the REST API", () => {
  const HOSTILE = '<img src="x" onerror="alert(1)">';

  /** A page on a cluster with one running job, which can be made to end. */
  async function open(overrides: Partial<RestServices> = {}, jobName = "quakes", quiescent = false) {
    const cluster = new InMemoryCluster();
    const { dispatcher } = cluster;
    const rest = restHarness({
      dispatcher: () => ({
        ...dispatcher,
        requestMultipleJobDetails: async () => [{ ...jobDetails(), name: jobName }],
        requestJob: async (jobId) => ({
          ...(await dispatcher.requestJob(jobId)),
          name: jobName,
          ...(quiescent && { quiescent }),
        }),
        // Ends the stream of rows.
        requestJobStatus: async () => "FINISHED",
      }),
      ...overrides,
    });
    const folder = `v1/default/jobs/${JOB_ID}/results/rows/`;
    const lines = Array.from({ length: 25 }, (_, index) => JSON.stringify({ row: `row-${index};`, text: HOSTILE }));
    const manifest = { version: 1, writer: "op-0", checkpointId: 1, parts: [{ name: "part-1", records: 25, size: 0 }] };
    const put = (key: string, text: string) => rest.objects.put(folder + key, new TextEncoder().encode(text));
    await put("part-1", lines.map((line) => `${line}\n`).join(""));
    await put("manifest-0000000000000001-op-0.json", JSON.stringify(manifest));
    const page = new BrowserPage(FIRST_LOOK_HTML, (request) => rest.fetch(request));
    await page.settled();
    return page;
  }

  it("draws the cluster, its jobs, and the youngest of them", async () => {
    const page = await open();
    expect(page.text("pulse")).toBe("live");
    expect(page.text("cluster")).toBe("1running2finished4failed3canceled2task managers4 / 4slots in use");
    expect(page.text("jobs")).toContain("RUNNINGquakes");
    expect(page.element("jobs").querySelector("[aria-current]")?.getAttribute("href")).toBe(`#${JOB_ID}`);
    const job = page.text("job");
    for (const part of ["quakes", JOB_ID, "Records in64", "Source: quakes", "window → Sink: <rows>", "te-0", "te-1"]) {
      expect(job).toContain(part);
    }
    expect(page.element("job").querySelectorAll("[data-vertex]")).toHaveLength(2);
  });

  it("says of a job that sleeps that it does", async () => {
    const awake = await open();
    expect(awake.text("job")).not.toContain("asleep");
    const asleep = await open({}, "quakes", true);
    expect(asleep.text("job")).toMatch(/RUNNING\s*asleep/);
  });

  it("shows the last 20 committed rows, the newest first", async () => {
    const job = (await open()).text("job");
    expect(job).toContain("last 20 of 25");
    expect([...job.matchAll(/row-(\d+);/g)].map(([, index]) => Number(index))).toEqual(
      Array.from({ length: 20 }, (_, index) => 24 - index),
    );
  });

  it("takes names and rows for text, whatever they look like", async () => {
    const page = await open({}, HOSTILE);
    expect(page.text("jobs")).toContain(HOSTILE);
    expect(page.text("job")).toContain(HOSTILE);
    for (const id of ["jobs", "job"]) expect(page.element(id).querySelectorAll("[onerror]")).toEqual([]);
  });

  it("asks again when its timer rings, not while it is hidden, and at once when it is seen again", async () => {
    const page = await open();
    const overviews = (): number => page.requests.filter((request) => request === "GET /jobs/overview").length;
    await page.ring();
    expect(overviews()).toBe(2);
    await page.show(false);
    await page.ring();
    expect(overviews()).toBe(2);
    expect(page.text("pulse")).toBe("paused");
    await page.show(true);
    expect(overviews()).toBe(3);
  });

  it("asks nothing in a tab that was opened hidden", async () => {
    const rest = restHarness();
    const page = new BrowserPage(FIRST_LOOK_HTML, (request) => rest.fetch(request), true);
    await page.settled();
    expect(page.requests).toEqual([]);
    await page.show(true);
    expect(page.text("pulse")).toBe("live");
  });

  it("asks nothing more when it is hidden in the middle of a round", async () => {
    const rest = restHarness();
    const answered = Promise.withResolvers<void>();
    const page = new BrowserPage(FIRST_LOOK_HTML, async (request) => {
      await answered.promise;
      return rest.fetch(request);
    });
    const hidden = page.show(false);
    answered.resolve();
    await hidden;
    await page.ring();
    expect(page.requests).toEqual(["GET /overview", "GET /jobs/overview"]);
    expect(page.text("pulse")).toBe("paused");
  });

  it("keeps the elements that a refresh does not change", async () => {
    const page = await open();
    const link = page.element("jobs").querySelector("[aria-current]");
    await page.ring();
    expect(page.element("jobs").querySelector("[aria-current]")).toBe(link);
  });

  it("cancels at the second click", async () => {
    const page = await open();
    const cancels = (): readonly string[] => page.requests.filter((request) => request.startsWith("PATCH"));
    const button = page.element("job").querySelector("[data-cancel]");
    await page.click(button);
    expect(button?.textContent).toBe("Yes, cancel it");
    expect(cancels()).toEqual([]);
    await page.click(button);
    expect(cancels()).toEqual([`PATCH /jobs/${JOB_ID}`]);
  });

  it("shows no job where the address names one that is not here", async () => {
    const page = await open();
    await page.choose(UNKNOWN_JOB_ID);
    expect(page.text("job")).toBe("");
    await page.choose(JOB_ID);
    expect(page.text("job")).toContain("quakes");
  });

  it("says how to submit a job where there is none", async () => {
    const cluster = new InMemoryCluster();
    const page = await open({
      dispatcher: () => ({ ...cluster.dispatcher, requestMultipleJobDetails: async () => [] }),
    });
    expect(page.element("welcome").hidden).toBe(false);
    expect(page.text("jobs") + page.text("job")).toBe("");
  });

  it("asks for the token, says when it is wrong, and sends the right one with every request", async () => {
    const page = await open({ access: { kind: "token", token: "open sesame" } });
    expect(page.element("token").hidden).toBe(false);
    expect(page.text("token-error")).toBe("");
    await page.submitToken("guess");
    expect(page.text("token-error")).toBe("The token in `Authorization` is not this worker's.");
    await page.submitToken("open sesame");
    expect(page.element("token").hidden).toBe(true);
    expect(page.element("token-field").value).toBe("");
    expect(page.text("job")).toContain("row-24;");
  });

  it("shows the metadata of a worker that was deployed without a token, and says why there are no rows", async () => {
    const page = await open({ access: { kind: "closed" } });
    expect(page.text("jobs")).toContain("quakes");
    expect(page.text("job")).toContain("This worker has no access token");
  });

  it("goes on asking when the worker does not answer", async () => {
    let answers = false;
    const rest = restHarness();
    const page = new BrowserPage(FIRST_LOOK_HTML, async (request) => {
      if (!answers) throw new TypeError("fetch failed");
      return rest.fetch(request);
    });
    await page.settled();
    expect(page.text("pulse")).toBe("The worker does not answer");
    answers = true;
    await page.ring();
    expect(page.text("pulse")).toBe("live");
  });
});
