import { afterEach, describe, expect, it, vi } from "vitest";
import { RestClient } from "../../src/client/rest-client.ts";
import { RestClientException } from "../../src/client/rest-client-exception.ts";
import { SluiceException } from "../../src/common/exceptions.ts";
import { ClusterOverviewHeaders } from "../../src/rest/messages/cluster-messages.ts";
import { JobDetailsHeaders } from "../../src/rest/messages/job-details-messages.ts";
import { ObjectGetHeaders } from "../../src/rest/messages/sluice-messages.ts";
import { JOB_ID, UNKNOWN_JOB_ID } from "../rest/jobs.ts";
import { InMemoryCluster, restHarness } from "../rest/rest-harness.ts";

/** A client whose requests reach the endpoint in this process. */
function connect(
  overrides: Parameters<typeof restHarness>[0] = {},
  options: { readonly token?: string; readonly cluster?: string } = {},
) {
  const harness = restHarness(overrides);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const { pathname, search } = new URL(url);
    return harness.send(pathname + search, init);
  });
  return { harness, client: new RestClient({ url: "http://sluice.test/", ...options }) };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("RestClient against the endpoint", () => {
  it("calls by headers, typed both ways", async () => {
    const { client } = connect();
    expect((await client.call(ClusterOverviewHeaders))["slots-total"]).toBe(4);
    expect((await client.call(JobDetailsHeaders, { path: { jobid: JOB_ID } })).jid).toBe(JOB_ID);
  });

  it("uploads, runs once per idempotency key, looks, cancels", async () => {
    const cluster = new InMemoryCluster();
    const { client } = connect({ dispatcher: () => cluster.dispatcher });
    const moduleId = await client.uploadModule("job.js", new TextEncoder().encode("export default {}"));
    expect(cluster.modules.has(moduleId)).toBe(true);
    const options = { parallelism: 2, strict: true, idempotencyKey: "k" };
    const jobId = await client.runModule(moduleId, options);
    expect(await client.runModule(moduleId, options)).toBe(jobId);
    expect(cluster.submitted.get("k")?.graph.configuration.parallelism).toBe(2);
    expect((await client.requestJob(JOB_ID)).state).toBe("RUNNING");
    await client.cancelJob(JOB_ID);
  });

  it("puts objects under keys with slashes and spaces", async () => {
    const { client, harness } = connect();
    await client.putObject("in/a b.ndjson", new TextEncoder().encode("x"));
    expect((await harness.objects.list("")).map(({ key }) => key)).toEqual(["v1/default/objects/in/a b.ndjson"]);
    expect(await (await client.send(ObjectGetHeaders, { path: { key: "in/a b.ndjson" } })).text()).toBe("x");
  });

  it("gives the rows of a job line by line, wherever the chunks are cut", async () => {
    const { client } = connect();
    const encoded = new TextEncoder().encode('{"a":"ä"}\n{"b":2}\n{"c":3}');
    vi.stubGlobal("fetch", async () => {
      const bytes = [...encoded];
      return new Response(
        new ReadableStream<Uint8Array>({
          pull: (controller) => {
            const byte = bytes.shift();
            if (byte === undefined) controller.close();
            else controller.enqueue(new Uint8Array([byte]));
          },
        }),
      );
    });
    const lines: string[] = [];
    for await (const line of client.jobResults(JOB_ID, { follow: false })) lines.push(line);
    expect(lines).toEqual(['{"a":"ä"}', '{"b":2}', '{"c":3}']);
  });

  it("sends token and cluster", async () => {
    const seen: string[] = [];
    const cluster = new InMemoryCluster();
    const dispatcher = ({ cluster: name }: { readonly cluster: string }) => {
      seen.push(name);
      return cluster.dispatcher;
    };
    const { client } = connect({ access: { kind: "token", token: "t" }, dispatcher }, { token: "t", cluster: "acme" });
    await client.call(ClusterOverviewHeaders);
    expect(seen).toEqual(["acme"]);
  });

  it("an error answer keeps status and all strings", async () => {
    const { client } = connect();
    const error: unknown = await client.requestJob(UNKNOWN_JOB_ID).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RestClientException);
    expect(error).toMatchObject({ status: 404, code: "NOT_FOUND", errors: [`Job ${UNKNOWN_JOB_ID} not found`] });
  });

  it("an error that is not ours still says what came", async () => {
    const { client } = connect();
    vi.stubGlobal("fetch", async () => new Response("<html>bad gateway</html>", { status: 502 }));
    await expect(client.requestJob(JOB_ID)).rejects.toMatchObject({ status: 502, message: "<html>bad gateway</html>" });
  });

  it("nobody at the address is UNAVAILABLE and may be tried again", async () => {
    const { client } = connect();
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("fetch failed");
    });
    const error: unknown = await client.requestJob(JOB_ID).catch((thrown: unknown) => thrown);
    expect(SluiceException.is(error, "UNAVAILABLE")).toBe(true);
    expect(error).toMatchObject({ retryable: true, message: "Nothing answers at http://sluice.test." });
  });

  it("an answer of another shape is not taken for one", async () => {
    const { client } = connect();
    vi.stubGlobal("fetch", async () => new Response('{"hello":"world"}'));
    await expect(client.requestJob(JOB_ID)).rejects.toThrow("GET /sluice/jobs/:jobid answered something else");
  });

  it.each(["localhost:8787", "ftp://x", "http://", ""])("%j is no url", (url) => {
    expect(() => new RestClient({ url })).toThrow("url: expected http://host:port");
  });
});
