import { describe, expect, it } from "vitest";
import { SluiceException } from "../../src/common/exceptions.ts";
import { ErrorResponseBody } from "../../src/rest/messages/error-body.ts";
import { JOB_ID, UNKNOWN_JOB_ID } from "./jobs.ts";
import { InMemoryCluster, restHarness, testingDispatcherGateway } from "./rest-harness.ts";

const JSON_TYPE = "application/json; charset=UTF-8";

describe("routing (contract: rest-v1 6.4, facts 1-7)", () => {
  const harness = restHarness();

  it.each(["/jobs/overview", "/v1/jobs/overview", "/jobs/overview/", "//jobs/overview//", "/v1/jobs/overview//"])(
    "%s reaches the overview: constants win, versions and slashes at the ends mean nothing",
    async (path) => {
      const response = await harness.send(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(JSON_TYPE);
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("content-encoding")).toBeNull();
      expect(await response.json()).toMatchObject({ jobs: [{ jid: JOB_ID }] });
    },
  );

  it("paths are case-sensitive, and a version counts once", async () => {
    expect((await harness.send("/Jobs/overview")).status).toBe(404);
    expect((await harness.send("/v1/v1/jobs/overview")).status).toBe(404);
    expect((await harness.send("/v2/jobs/overview")).status).toBe(404);
  });

  it("upper case in a job id is accepted and printed lower (6.3)", async () => {
    expect(await harness.json(`/jobs/${JOB_ID.toUpperCase()}`)).toMatchObject({ jid: JOB_ID });
  });

  it.each([
    ["GET", "/nothing/here", 404, "Unable to load requested file /nothing/here."],
    ["POST", "/nothing?x=1", 404, "Not found: /nothing?x=1"],
    ["DELETE", "/jobs/overview", 404, "Not found: /jobs/overview"],
    ["OPTIONS", "/jobs", 404, "Not found: /jobs"],
  ])("no route: %s %s is %i", async (method, path, status, message) => {
    const response = await harness.send(path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe(JSON_TYPE);
    expect(await response.json()).toEqual({ errors: [message] });
  });
});

describe("errors (contract: rest-v1 6.1)", () => {
  const terminal = new InMemoryCluster();
  const harness = restHarness({
    dispatcher: () => ({
      ...terminal.dispatcher,
      cancelJob: async (jobId) => {
        if (jobId !== JOB_ID) throw new SluiceException("JOB_NOT_FOUND", "unknown");
        throw new SluiceException("TERMINATED_WITHOUT_CANCELLATION", "it is over");
      },
      requestJobStatus: async (jobId) => {
        if (jobId !== JOB_ID) throw new SluiceException("JOB_NOT_FOUND", "unknown");
        return "FINISHED";
      },
    }),
  });

  const vertex = "9".repeat(32);
  it.each([
    [
      "GET",
      "/jobs/xyz",
      400,
      'Bad request, could not parse parameters: Cannot resolve path parameter (jobid) from value "xyz".',
    ],
    ["GET", `/jobs/${JOB_ID}0/status`, 400, `Cannot resolve path parameter (jobid) from value "${JOB_ID}0".`],
    [
      "GET",
      `/jobs/${JOB_ID}/exceptions?maxExceptions=many`,
      400,
      'Cannot resolve query parameter (maxExceptions) from value "many".',
    ],
    ["GET", `/jobs/${JOB_ID}/exceptions?maxExceptions=1&maxExceptions=2`, 400, "Expected only one value [1, 2]"],
    ["GET", `/jobs/${JOB_ID}/exceptions?failureLabelFilter=nolabel`, 400, "(failureLabelFilter)"],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/status`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/plan`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/config`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/exceptions`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/execution-result`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/checkpoints`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/checkpoints/config`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/checkpoints/details/1`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["GET", `/sluice/jobs/${UNKNOWN_JOB_ID}`, 404, `Job ${UNKNOWN_JOB_ID} not found`],
    ["PATCH", `/jobs/${UNKNOWN_JOB_ID}`, 404, "Job could not be found."],
    ["GET", `/jobs/${UNKNOWN_JOB_ID}/yarn-cancel`, 404, "Job could not be found."],
    [
      "PATCH",
      `/jobs/${JOB_ID}`,
      409,
      "Job cancellation failed because the job has already reached another terminal state (FINISHED).",
    ],
    ["PATCH", `/jobs/${JOB_ID}?mode=stop`, 308, `/jobs/${JOB_ID}/stop`],
    ["PATCH", `/jobs/${JOB_ID}?mode=pause`, 400, 'Cannot resolve query parameter (mode) from value "pause".'],
    ["GET", `/jobs/${JOB_ID}/vertices/${vertex}`, 404, `No vertex with ID '${vertex}' exists.`],
    [
      "GET",
      `/jobs/${JOB_ID}/vertices/${"1".repeat(32)}/subtasks/4`,
      404,
      `Invalid subtask index for vertex ${"1".repeat(32)}`,
    ],
    ["GET", `/jobs/${JOB_ID}/vertices/${"1".repeat(32)}/subtasks/-1`, 400, "(subtaskindex)"],
    [
      "GET",
      `/jobs/${JOB_ID}/checkpoints/details/99`,
      404,
      "Could not find checkpointing statistics for checkpoint 99.",
    ],
    ["GET", `/jobs/${JOB_ID}/checkpoints/details/one`, 400, "(checkpointid)"],
  ])("%s %s is %i", async (method, path, status, message) => {
    const response = await harness.send(path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe(JSON_TYPE);
    // The client takes a body with any second key for a success.
    const { errors } = ErrorResponseBody.parse(await response.json());
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });

  it("cancel that times out is 408", async () => {
    const timingOut = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          cancelJob: async () => {
            throw new SluiceException("TIMEOUT", "no reply within 10 s");
          },
        }),
    });
    const response = await timingOut.send(`/jobs/${JOB_ID}`, { method: "PATCH" });
    expect(response.status).toBe(408);
    expect(await response.json()).toEqual({ errors: ["Job cancellation timed out."] });
  });

  it("a job without checkpointing has no checkpoints: 404 (5.9)", async () => {
    const plain = restHarness({
      dispatcher: () => testingDispatcherGateway({ requestCheckpointStats: async () => undefined }),
    });
    expect((await plain.send(`/jobs/${JOB_ID}/checkpoints`)).status).toBe(404);
    expect((await plain.send(`/jobs/${JOB_ID}/checkpoints/config`)).status).toBe(404);
  });

  it("a fault of the server is 500 with two strings", async () => {
    const broken = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestJob: async () => {
            throw new TypeError("undefined is not a function");
          },
        }),
    });
    const response = await broken.send(`/jobs/${JOB_ID}`);
    expect(response.status).toBe(500);
    const { errors } = ErrorResponseBody.parse(await response.json());
    expect(errors[0]).toBe("Internal server error.");
    expect(errors[1]).toMatch(
      /^<Exception on server side:\nTypeError: undefined is not a function\n[^]*\nEnd of exception on server side>$/,
    );
  });

  it.each([
    ["RPC_CONNECTION", 503],
    ["ENDPOINT_NOT_STARTED", 503],
    ["RPC_OVERLOADED", 503],
    ["QUOTA_EXCEEDED", 429],
    ["TIMEOUT", 504],
  ] as const)("%s is %i", async (code, status) => {
    const failing = restHarness({
      dispatcher: () =>
        testingDispatcherGateway({
          requestClusterOverview: async () => {
            throw new SluiceException(code, "the reason");
          },
        }),
    });
    const response = await failing.send("/overview");
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ errors: ["the reason"] });
  });
});

describe("cluster of a request", () => {
  it("is named by the header, default without it", async () => {
    const seen: string[] = [];
    const cluster = new InMemoryCluster();
    const harness = restHarness({
      dispatcher: ({ cluster: name }) => {
        seen.push(name);
        return cluster.dispatcher;
      },
    });
    await harness.send("/overview");
    await harness.send("/overview", { headers: { "Sluice-Cluster": "acme-1" } });
    expect(seen).toEqual(["default", "acme-1"]);
  });

  it.each(["a/b", "..", "", " ", "-x"])("%j is refused", async (name) => {
    const response = await restHarness().send("/overview", { headers: { "Sluice-Cluster": name } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [expect.stringContaining("Sluice-Cluster")] });
  });
});
