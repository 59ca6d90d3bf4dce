import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import type { JobID } from "../../../src/common/ids.ts";
import { JarListHeaders, JarRunHeaders, MODULE_SIZE_LIMIT_BYTES } from "../../../src/rest/messages/jar-messages.ts";
import type { GraphExtractionRequest } from "../../../src/runtime/jobgraph/job-module-inspector.ts";
import { InMemoryCluster, NOW, restHarness, testingModuleInspector } from "../rest-harness.ts";
import { jobGraph } from "../jobs.ts";
import type { RestHarness } from "../rest-harness.ts";

const MODULE = "export default {}";
const CHOSEN_JOB_ID = "c".repeat(32);

function form(
  ...files: readonly { readonly part?: string; readonly name: string; readonly text?: string }[]
): FormData {
  const data = new FormData();
  for (const { part = "jarfile", name, text = MODULE } of files) {
    data.append(part, new File([text], name, { type: "text/javascript" }));
  }
  return data;
}

interface Fixture extends RestHarness {
  readonly cluster: InMemoryCluster;
  /** Uploads a module and gives its id. */
  upload(name?: string): Promise<string>;
  run(id: string, init?: RequestInit & { readonly query?: string }): Promise<Response>;
}

function fixture(overrides: Parameters<typeof restHarness>[0] = {}): Fixture {
  const cluster = new InMemoryCluster();
  const harness = restHarness({ dispatcher: () => cluster.dispatcher, ...overrides });
  return {
    ...harness,
    cluster,
    upload: async (name = "job.js") => {
      const answer = await harness.json("/jars/upload", { method: "POST", body: form({ name }) });
      return String((answer as { readonly filename: string }).filename.split("/").at(-1));
    },
    run: (id, { query = "", ...init } = {}) => harness.send(`/jars/${id}/run${query}`, { method: "POST", ...init }),
  };
}

async function errorsOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { readonly errors: readonly string[] };
  expect(errors).toHaveLength(1);
  return errors[0] ?? "";
}

describe("POST /jars/upload (contract: rest-v1 3.2)", () => {
  it.each(["job.js", "job.mjs", "Job with spaces.JS"])(
    "takes %s as the one file of a multipart, whatever the part's name",
    async (name) => {
      const { send, json, objects } = fixture();
      const response = await send("/v1/jars/upload", { method: "POST", body: form({ part: "anything", name }) });
      expect(response.status).toBe(200);
      const { filename, status } = (await response.json()) as { readonly filename: string; readonly status: string };
      expect(status).toBe("success");
      const id = filename.split("/").at(-1) ?? "";
      expect(id).toMatch(/^[0-9a-f-]{36}_/);
      expect(id.slice(37)).toBe(name);
      expect(JarListHeaders.response.parse(await json("/jars"))).toEqual({
        address: "http://sluice.test",
        files: [{ id, name, uploaded: NOW, entry: [{ name: "quakes", description: null }] }],
      });
      const [stored] = await objects.list("");
      // SHA-256 of the text, computed with sha256sum.
      expect(stored?.key).toBe(
        "v1/default/modules/9aeb8d59b4d483ca6298e9a450fbf37dfd2b4c63990135ab1d040d76314087ec.js",
      );
    },
  );

  it("takes the bare text with its name in the query", async () => {
    const { send } = fixture();
    const response = await send("/jars/upload?filename=job.mjs", { method: "POST", body: MODULE });
    expect(await response.json()).toMatchObject({ status: "success", filename: expect.stringMatching(/_job\.mjs$/) });
  });

  it.each([
    ["no file", form(), "Exactly 1 file must be sent, received 0."],
    ["two files", form({ name: "a.js" }, { part: "b", name: "b.js" }), "Exactly 1 file must be sent, received 2."],
    ["a jar", form({ name: "job.jar" }), 'Only JavaScript modules (.js, .mjs) are allowed, got "job.jar".'],
    ["TypeScript", form({ name: "job.ts" }), "Only JavaScript modules"],
    ["a bare suffix", form({ name: ".js" }), "Only JavaScript modules"],
    ["a parent directory", form({ name: "../job.js" }), 'without path parts, got "../job.js"'],
    ["a directory", form({ name: "a/job.js" }), "without path parts"],
    ["a Windows path", form({ name: "a\\job.js" }), "without path parts"],
    ["a long name", form({ name: `${"x".repeat(200)}.js` }), "at most 200 characters"],
  ])("refuses %s", async (_case, body, message) => {
    const { send, objects, cluster } = fixture();
    const response = await send("/jars/upload", { method: "POST", body });
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toContain(message);
    expect(await objects.list("")).toEqual([]);
    expect(cluster.modules.size).toBe(0);
  });

  it("refuses a text part beside the file (fact 26)", async () => {
    const { send } = fixture();
    const body = form({ name: "job.js" });
    body.append("comment", "hello");
    const response = await send("/jars/upload", { method: "POST", body });
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toBe("Received unknown attribute comment.");
  });

  it.each([
    ["without a name", "/jars/upload", { body: MODULE }, 400, "filename: expected the name"],
    ["with path parts", "/jars/upload?filename=..%2Fjob.js", { body: MODULE }, 400, "without path parts"],
    ["that is not UTF-8", "/jars/upload?filename=job.js", { body: new Uint8Array([0xff, 0xfe]) }, 400, "not UTF-8"],
    [
      "malformed multipart",
      "/jars/upload",
      { body: "--x", headers: { "content-type": "multipart/form-data; boundary=y" } },
      400,
      "not well-formed",
    ],
    [
      "above the limit",
      "/jars/upload?filename=job.js",
      { body: new Uint8Array(MODULE_SIZE_LIMIT_BYTES + 1) },
      413,
      `limit of ${MODULE_SIZE_LIMIT_BYTES} bytes`,
    ],
  ])("refuses a body %s", async (_case, path, init: RequestInit, status, message) => {
    const { send, objects } = fixture();
    const response = await send(path, { method: "POST", ...init });
    expect(response.status).toBe(status);
    expect(await errorsOf(response)).toContain(message);
    expect(await objects.list("")).toEqual([]);
  });

  it("refuses a file above the limit inside a multipart, and one streamed without a length", async () => {
    const { send } = fixture();
    const text = "x".repeat(MODULE_SIZE_LIMIT_BYTES + 1);
    const multipart = await send("/jars/upload", { method: "POST", body: form({ name: "job.js", text }) });
    expect(multipart.status).toBe(413);
    let sent = 0;
    const long = new ReadableStream({
      pull: (controller) => {
        sent += 1 << 20;
        if (sent > 3 * MODULE_SIZE_LIMIT_BYTES) controller.close();
        else controller.enqueue(new Uint8Array(1 << 20));
      },
    });
    const init = { method: "POST", body: long, duplex: "half" } as const;
    expect((await send("/jars/upload?filename=job.js", init)).status).toBe(413);
    expect(sent).toBeLessThan(2 * MODULE_SIZE_LIMIT_BYTES);
  });

  it("a module that does not load is 400 with the fault, and nothing is stored", async () => {
    const { send, objects, cluster } = fixture({
      modules: {
        ...testingModuleInspector,
        inspect: async () => {
          throw new SluiceException("INVALID_PROGRAM", "job.js:3: Unexpected token ')'");
        },
      },
    });
    const response = await send("/jars/upload", { method: "POST", body: form({ name: "job.js" }) });
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toBe("job.js:3: Unexpected token ')'");
    expect(await objects.list("")).toEqual([]);
    expect(cluster.modules.size).toBe(0);
  });
});

describe("DELETE /jars/:jarid", () => {
  it("takes it off the list; an unknown one is 400 (fact 36)", async () => {
    const { upload, send, json } = fixture();
    const id = await upload();
    const deleted = await send(`/jars/${id}`, { method: "DELETE" });
    expect(deleted.status).toBe(200);
    expect(await deleted.text()).toBe("{}");
    expect(await json("/jars")).toMatchObject({ files: [] });
    const again = await send(`/jars/${id}`, { method: "DELETE" });
    expect(again.status).toBe(400);
    expect(await errorsOf(again)).toBe(`File ${id} does not exist in sluice-web-upload.`);
  });
});

describe("POST /jars/:jarid/run (contract: rest-v1 3.2, facts 37-41)", () => {
  it("submits the graph under a fresh id", async () => {
    const { upload, run, cluster } = fixture();
    const response = await run(await upload());
    expect(response.status).toBe(200);
    const { jobid, applicationId } = JarRunHeaders.response.parse(await response.json());
    expect(applicationId).toBe(jobid);
    const submission = cluster.submitted.get(jobid);
    expect(submission?.graph).toMatchObject({ jobId: jobid, name: "quakes", configuration: { parallelism: 4 } });
  });

  it("takes what the dashboard really sends: nulls, form strings, program arguments as the query's savepoint path", async () => {
    const { upload, run, cluster } = fixture();
    const body = JSON.stringify({
      entryClass: "quakes",
      parallelism: "2",
      programArgs: null,
      savepointPath: null,
      allowNonRestoredState: null,
    });
    const query = "?entry-class=quakes&parallelism=2&program-args=&savepointPath=x&allowNonRestoredState=";
    const response = await run(await upload(), { body, query });
    expect(response.status).toBe(200);
    expect([...cluster.submitted.values()][0]?.graph.configuration.parallelism).toBe(2);
  });

  it.each([
    [{ body: { parallelism: 3 }, query: "?parallelism=2" }, 3],
    [{ body: {}, query: "?parallelism=2" }, 2],
    [{ body: { parallelism: "" }, query: "?parallelism=2" }, 2],
    [{ body: { flinkConfiguration: { "parallelism.default": "5" } }, query: "" }, 5],
    [{ body: { parallelism: "128", unknownField: true }, query: "?unknown=1" }, 128],
  ])("body beats query beats configuration: %j", async ({ body, query }, parallelism) => {
    const { upload, run, cluster } = fixture();
    expect((await run(await upload(), { body: JSON.stringify(body), query })).status).toBe(200);
    expect([...cluster.submitted.values()][0]?.graph.configuration.parallelism).toBe(parallelism);
  });

  it("FO-14: a configured restart strategy reaches the extraction of the graph", async () => {
    const requests: GraphExtractionRequest[] = [];
    const extractGraph: typeof testingModuleInspector.extractGraph = (module, text, request) => {
      requests.push(request);
      return testingModuleInspector.extractGraph(module, text, request);
    };
    const { upload, run } = fixture({ modules: { ...testingModuleInspector, extractGraph } });
    const flinkConfiguration = {
      "restart-strategy.type": "fixed-delay",
      "restart-strategy.fixed-delay.attempts": "7",
    };
    expect((await run(await upload(), { body: JSON.stringify({ flinkConfiguration }) })).status).toBe(200);
    const restartStrategy = { kind: "fixed-delay", attempts: 7, delayMillis: 1_000 };
    expect(requests).toMatchObject([{ restartStrategy }, { restartStrategy }]);
  });

  it("a job id in the body is the job's (fact 38), printed in lower case", async () => {
    const { upload, run } = fixture();
    const response = await run(await upload(), { body: JSON.stringify({ jobId: CHOSEN_JOB_ID.toUpperCase() }) });
    expect(await response.json()).toMatchObject({ jobid: CHOSEN_JOB_ID });
  });

  it.each([
    ["not JSON", { body: "{" }, "Request did not match expected format JarRunRequestBody. The body is not JSON"],
    [
      "an array",
      { body: "[]" },
      "Request did not match expected format JarRunRequestBody. Expected an object, got [].",
    ],
    [
      "a word as parallelism",
      { body: '{"parallelism":"four"}' },
      'parallelism: expected an integer from 1 to 128, got "four"',
    ],
    ["parallelism 0", { body: '{"parallelism":0}' }, "parallelism: expected an integer from 1 to 128, got 0"],
    ["parallelism 129", { body: '{"parallelism":129}' }, "parallelism: expected an integer from 1 to 128, got 129"],
    ["parallelism 1.5", { body: '{"parallelism":1.5}' }, "parallelism: expected an integer from 1 to 128, got 1.5"],
    [
      "parallelism 0 in the query",
      { query: "?parallelism=0" },
      '(parallelism) from value "0". Expected an integer from 1 to 128.',
    ],
    ["parallelism true", { body: '{"parallelism":true}' }, "parallelism: expected an integer from 1 to 128, got true"],
    ["a parameter twice", { query: "?parallelism=1&parallelism=2" }, "Expected only one value [1, 2]"],
    ["a malformed job id", { body: '{"jobId":"xyz"}' }, 'jobId: expected 32 hexadecimal digits, got "xyz"'],
    ["a list that is none", { body: '{"programArgsList":"a"}' }, 'programArgsList: expected a list of texts, got "a"'],
    [
      "program arguments",
      { body: '{"programArgsList":["a","b"]}' },
      'programArgsList: a job module takes no program arguments, got "a b"',
    ],
    [
      "a savepoint",
      { body: '{"savepointPath":"s3://x"}' },
      'savepointPath: expected savepoints/<path> or jobs/<job id>/chk-<n>, got "s3://x"',
    ],
    ["a savepoint in the query", { query: "?savepointPath=s3://x" }, "savepointPath: expected savepoints/"],
    [
      "a savepoint that is not there",
      { query: "?savepointPath=savepoints/x" },
      'no savepoint or checkpoint at "savepoints/x"',
    ],
    [
      "another entry class",
      { body: '{"entryClass":"Main"}' },
      'entryClass: job.js defines only the job "quakes", got "Main"',
    ],
    [
      "a boolean that is none",
      { body: '{"allowNonRestoredState":"maybe"}' },
      'allowNonRestoredState: expected true or false, got "maybe"',
    ],
    [
      "an unknown claim mode",
      { body: '{"claimMode":"STEAL"}' },
      'claimMode: expected one of CLAIM, NO_CLAIM, LEGACY, got "STEAL"',
    ],
    [
      "configuration it cannot honour",
      { body: '{"flinkConfiguration":{"state.backend.type":"rocksdb"}}' },
      'flinkConfiguration: expected no key but parallelism.default and restart-strategy.*, got "state.backend.type"',
    ],
    [
      "a configured parallelism that is none",
      { body: '{"flinkConfiguration":{"parallelism.default":"many"}}' },
      'flinkConfiguration.parallelism.default: expected an integer from 1 to 128, got "many"',
    ],
    [
      "a restart strategy that is none",
      { body: '{"flinkConfiguration":{"restart-strategy.type":"sometimes"}}' },
      "flinkConfiguration.restart-strategy.type: expected one of none, off",
    ],
    [
      "an idempotency key with spaces",
      { headers: { "Idempotency-Key": "a b" } },
      'Idempotency-Key: expected 1 to 255 visible ASCII characters, got "a b"',
    ],
    ["an upload", { body: form({ name: "x.js" }) }, "File upload not allowed"],
  ])("refuses %s", async (_case, init, message) => {
    const { upload, run, cluster } = fixture();
    const response = await run(await upload(), init);
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toContain(message);
    expect(cluster.submitted.size).toBe(0);
  });

  it("an unknown module is 400", async () => {
    const response = await fixture().run("nothing_job.js");
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toBe("Jar file sluice-web-upload/nothing_job.js does not exist");
  });

  it("a body above 1 MiB is 413", async () => {
    const { upload, run } = fixture();
    expect((await run(await upload(), { body: " ".repeat((1 << 20) + 1) })).status).toBe(413);
  });

  it("what the module throws is 400 with its message", async () => {
    const { upload, run, cluster } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async () => {
          throw new SluiceException("INVALID_PROGRAM", "job.js: no such thing as quakes");
        },
      },
    });
    const response = await run(await upload());
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toBe("job.js: no such thing as quakes");
    expect(cluster.submitted.size).toBe(0);
  });

  it("a graph that is not what a graph must be is 400 naming the field", async () => {
    const { upload, run } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async (module, _text, { jobId }) => {
          const graph = jobGraph({ jobId, module, parallelism: 4 });
          return { ...graph, vertices: graph.vertices.slice(0, 1).map((vertex) => ({ ...vertex, outputs: [] })) };
        },
      },
    });
    const response = await run(await upload());
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toContain("the graph has no sink");
  });

  it("a graph that differs from one build to the next is 400 and names the place", async () => {
    let builds = 0;
    const { upload, run, cluster } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async (module, _text, { jobId }) => {
          builds++;
          const graph = jobGraph({ jobId, module, parallelism: 4 });
          const [source, sink] = graph.vertices;
          if (source === undefined || sink === undefined) throw new Error("the fixed graph has two vertices");
          return {
            ...graph,
            hash: String(builds).padStart(64, "0"),
            vertices: [{ ...source, name: `quakes ${builds}` }, sink],
          };
        },
      },
    });
    const response = await run(await upload());
    expect(response.status).toBe(400);
    expect(await errorsOf(response)).toContain('its graph differs at "quakes 1", then "quakes 2"');
    expect(builds).toBe(2);
    expect(cluster.submitted.size).toBe(0);
  });

  it("id and module of the graph are the request's, whatever the isolate says", async () => {
    const { upload, run, cluster } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async (module) =>
          jobGraph({
            jobId: "f".repeat(32) as JobID,
            module: { ...module, key: "v1/other/modules/x.js" },
            parallelism: 4,
          }),
      },
    });
    const id = await upload();
    await run(id, { body: JSON.stringify({ jobId: CHOSEN_JOB_ID }) });
    const graph = cluster.submitted.get(CHOSEN_JOB_ID)?.graph;
    expect(graph?.jobId).toBe(CHOSEN_JOB_ID);
    expect(graph?.module).toEqual(cluster.modules.get(id)?.module);
  });

  it("passes strict on", async () => {
    const seen: unknown[] = [];
    const { upload, run } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async (module, text, request) => {
          seen.push(request.strict);
          return testingModuleInspector.extractGraph(module, text, request);
        },
      },
    });
    await run(await upload(), { query: "?strict=true" });
    expect(seen).toEqual([true, true]);
  });
});

describe("Idempotency-Key on run", () => {
  const headers = { "Idempotency-Key": "order-66" };

  it("the same request again is the same job, and builds no graph", async () => {
    let builds = 0;
    const { upload, run, cluster } = fixture({
      modules: {
        ...testingModuleInspector,
        extractGraph: async (module, text, request) => {
          builds++;
          return testingModuleInspector.extractGraph(module, text, request);
        },
      },
    });
    const id = await upload();
    const first = await (await run(id, { headers, body: '{"parallelism":2}' })).json();
    const second = await (await run(id, { headers, body: '{ "parallelism": "2" }' })).json();
    expect(second).toEqual(first);
    expect(cluster.submitted.size).toBe(1);
    expect(builds).toBe(2);
  });

  it("20 at once with 10 keys are 10 jobs with equal answers per key", async () => {
    const { upload, run, cluster } = fixture();
    const id = await upload();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const response = await run(id, { headers: { "Idempotency-Key": `key-${index % 10}` } });
        return JarRunHeaders.response.parse(await response.json()).jobid;
      }),
    );
    expect(cluster.submitted.size).toBe(10);
    expect(new Set(answers).size).toBe(10);
    for (let key = 0; key < 10; key++) expect(answers[key + 10]).toBe(answers[key]);
  });

  it.each([
    ["another body", { body: '{"parallelism":3}' }],
    ["another query", { body: '{"parallelism":2}', query: "?strict=true" }],
    ["a job id", { body: JSON.stringify({ parallelism: 2, jobId: CHOSEN_JOB_ID }) }],
  ])("%s under the same key is 409", async (_case, init) => {
    const { upload, run, cluster } = fixture();
    const id = await upload();
    await run(id, { headers, body: '{"parallelism":2}' });
    const response = await run(id, { headers, ...init });
    expect(response.status).toBe(409);
    expect(await errorsOf(response)).toBe('Idempotency-Key: "order-66" names another run request already');
    expect(cluster.submitted.size).toBe(1);
  });

  it("another module under the same key is 409", async () => {
    const { upload, run } = fixture();
    await run(await upload("a.js"), { headers });
    expect((await run(await upload("b.js"), { headers })).status).toBe(409);
  });
});

describe("GET and POST /jars/:jarid/plan", () => {
  it.each([
    ["GET", "?parallelism=2", null],
    ["POST", "", '{"parallelism":2}'],
  ])("%s gives the plan and runs nothing", async (method, query, body) => {
    const { upload, json, cluster } = fixture();
    const answer = await json(`/jars/${await upload()}/plan${query}`, { method, body });
    expect(answer).toMatchObject({
      plan: {
        name: "quakes",
        type: "STREAMING",
        nodes: [
          { id: "1".repeat(32), parallelism: 2, description: "Source: quakes" },
          {
            description: "window -&gt; Sink: rows",
            inputs: [{ num: 0, id: "1".repeat(32), ship_strategy: "HASH", exchange: "pipelined_bounded" }],
          },
        ],
      },
    });
    expect(cluster.submitted.size).toBe(0);
  });
});
