import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE, type Acknowledge } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { serializeThrowable } from "../../../src/runtime/messages/serialized-throwable.ts";
import type { SnapshotOperationStatus } from "../../../src/runtime/messages/snapshot-operations.ts";
import { checkpointStats, executionGraphInfo, JOB_ID, SINK_ID, STARTED } from "../jobs.ts";
import { restHarness, testingDispatcherGateway } from "../rest-harness.ts";

const TRIGGER = "5".repeat(32);
const JOB = `/v1/jobs/${JOB_ID}`;
const NO_DIRECTORY = "Config key [execution.checkpointing.savepoint-dir] is not set. Property";

type Methods = Parameters<typeof testingDispatcherGateway>[0];

/** A Dispatcher that records what it is asked to begin. */
function world(methods: Methods = {}, savepointDirectory?: string) {
  const calls: unknown[][] = [];
  const record =
    (method: string) =>
    async (...args: readonly unknown[]): Promise<Acknowledge> => {
      calls.push([method, ...args]);
      return ACKNOWLEDGE;
    };
  const dispatcher = testingDispatcherGateway({
    triggerCheckpoint: record("checkpoint"),
    triggerSavepoint: record("savepoint"),
    stopWithSavepoint: record("stop"),
    disposeSavepoint: record("dispose"),
    ...methods,
  });
  const harness = restHarness({
    dispatcher: () => dispatcher,
    ...(savepointDirectory === undefined ? {} : { savepointDirectory }),
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await harness.send(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { calls, call };
}

const completed: SnapshotOperationStatus = {
  kind: "completed",
  checkpointId: 7,
  location: "savepoints/x/savepoint-1",
  endedMillis: 0,
};
const failed: SnapshotOperationStatus = {
  kind: "failed",
  failure: serializeThrowable(new SluiceException("CHECKPOINT", "no luck")),
  endedMillis: 0,
};

describe("savepoints (contract: rest-v1 6.2, facts 62 to 70)", () => {
  it.each([
    ["savepoints", "savepoint", {}, { targetDirectory: "dir", cancelJob: false }],
    [
      "savepoints",
      "savepoint",
      { "target-directory": "a/b", "cancel-job": true },
      { targetDirectory: "a/b", cancelJob: true },
    ],
    ["stop", "stop", {}, { targetDirectory: "dir", drain: false }],
    [
      "stop",
      "stop",
      { targetDirectory: "savepoints/c", drain: true },
      { targetDirectory: "savepoints/c", drain: true },
    ],
  ])("fact 65, 69: POST %s with %j: 202 and an id", async (path, method, body, options) => {
    const { call, calls } = world({}, "dir");
    const answer = await call("POST", `${JOB}/${path}`, body);
    expect(answer).toEqual({ status: 202, body: { "request-id": expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(calls).toEqual([[method, JOB_ID, answer.body["request-id"], options]]);
  });

  it("fact 66: the caller's id comes back, in lower case", async () => {
    const { call, calls } = world({}, "dir");
    const triggerId = "AB".repeat(16);
    for (const path of ["savepoints", "stop", "checkpoints"]) {
      expect((await call("POST", `${JOB}/${path}`, { triggerId })).body).toEqual({ "request-id": "ab".repeat(16) });
    }
    expect(calls.map(([, , id]) => id)).toEqual(Array.from({ length: 3 }, () => "ab".repeat(16)));
  });

  it("fact 64: no directory and no default is 400, in Flink's words", async () => {
    const { call } = world();
    expect(await call("POST", `${JOB}/savepoints`, {})).toEqual({
      status: 400,
      body: { errors: [`${NO_DIRECTORY} [target-directory] must be provided.`] },
    });
    expect((await call("POST", `${JOB}/stop`, {})).body).toEqual({
      errors: [`${NO_DIRECTORY} [targetDirectory] must be provided.`],
    });
  });

  it.each([
    ["savepoints", { "target-directory": "../x" }, "target-directory: expected a path of names"],
    ["stop", { targetDirectory: "s3://x" }, "targetDirectory: expected a path of names"],
    ["savepoints", { formatType: "ZIP" }, 'formatType: expected one of CANONICAL, NATIVE, got "ZIP"'],
    ["stop", { triggerId: "1" }, 'triggerId: expected 32 hexadecimal digits, got "1"'],
  ])("POST %s with %j is 400 and names the field", async (path, body, message) => {
    const answer = await world({}, "dir").call("POST", `${JOB}/${path}`, body);
    expect(answer.status).toBe(400);
    expect(answer.body["errors"]).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ["in progress", { kind: "in-progress" } as const, { status: { id: "IN_PROGRESS" }, operation: null }],
    ["completed", completed, { status: { id: "COMPLETED" }, operation: { location: "savepoints/x/savepoint-1" } }],
    [
      "failed",
      failed,
      {
        status: { id: "COMPLETED" },
        operation: {
          "failure-cause": {
            class: "CheckpointException",
            "stack-trace": expect.stringContaining("no luck"),
            // A Java object stream.
            "serialized-throwable": expect.stringMatching(/^rO0AB/),
          },
        },
      },
    ],
  ])("facts 62, 63, 68: %s", async (_what, status, body) => {
    const { call } = world({ getTriggeredSavepointStatus: async () => status });
    expect(await call("GET", `${JOB}/savepoints/${TRIGGER}`)).toEqual({ status: 200, body });
  });

  it("fact 67: an unknown id is 404", async () => {
    const { call } = world({
      getTriggeredSavepointStatus: async () => undefined,
      getTriggeredCheckpointStatus: async () => undefined,
      getSavepointDisposalStatus: async () => undefined,
    });
    const errorsOf = async (path: string) => [
      (await call("GET", path)).status,
      (await call("GET", path)).body["errors"],
    ];
    expect(await errorsOf(`${JOB}/savepoints/${TRIGGER}`)).toEqual([
      404,
      [`There is no savepoint operation with triggerId=${TRIGGER} for job ${JOB_ID}.`],
    ]);
    expect(await errorsOf(`${JOB}/checkpoints/${TRIGGER}`)).toEqual([
      404,
      [`There is no checkpoint operation with triggerId=${TRIGGER} for job ${JOB_ID}.`],
    ]);
    expect(await errorsOf(`/v1/savepoint-disposal/${TRIGGER}`)).toEqual([
      404,
      [`Operation not found under key: ${TRIGGER}`],
    ]);
  });

  it("disposal: 200 and an id; the outcome is empty or says why not", async () => {
    let status: Awaited<ReturnType<NonNullable<NonNullable<Methods>["getSavepointDisposalStatus"]>>>;
    const { call, calls } = world({ getSavepointDisposalStatus: async () => status });
    const answer = await call("POST", "/v1/savepoint-disposal", { "savepoint-path": "savepoints/x/_metadata" });
    expect(answer.status).toBe(200);
    expect(calls).toEqual([["dispose", answer.body["request-id"], "savepoints/x/_metadata"]]);
    status = { kind: "completed", endedMillis: 0 };
    expect((await call("GET", `/v1/savepoint-disposal/${TRIGGER}`)).body).toEqual({
      status: { id: "COMPLETED" },
      operation: {},
    });
    status = { kind: "failed", failure: serializeThrowable(new Error("gone")), endedMillis: 0 };
    expect((await call("GET", `/v1/savepoint-disposal/${TRIGGER}`)).body).toMatchObject({
      operation: { "failure-cause": { class: "Error" } },
    });
    expect((await call("POST", "/v1/savepoint-disposal", {})).status).toBe(400);
    expect((await call("POST", "/v1/savepoint-disposal", { "savepoint-path": "s3://x" })).body["errors"]).toEqual([
      'savepoint-path: expected savepoints/<path> or jobs/<job id>/chk-<n>, got "s3://x"',
    ]);
  });
});

describe("checkpoints", () => {
  it("fact 70: a trigger, with any type or none; an incremental one is a server error, as in Flink", async () => {
    const { call, calls } = world();
    expect((await call("POST", `${JOB}/checkpoints`, {})).status).toBe(202);
    expect((await call("POST", `${JOB}/checkpoints`, { checkpointType: "FULL" })).status).toBe(202);
    expect(calls).toHaveLength(2);
    expect((await call("POST", `${JOB}/checkpoints`, { checkpointType: "INCREMENTAL" })).status).toBe(500);
    expect(calls).toHaveLength(2);
  });

  it("the outcome has the checkpoint's id, or a failure in camel case", async () => {
    let status: SnapshotOperationStatus = completed;
    const { call } = world({ getTriggeredCheckpointStatus: async () => status });
    const operation = async () => (await call("GET", `${JOB}/checkpoints/${TRIGGER}`)).body["operation"];
    expect(await operation()).toEqual({ checkpointId: 7 });
    status = failed;
    expect(await operation()).toEqual({ failureCause: expect.objectContaining({ class: "CheckpointException" }) });
  });

  it("subtasks of a vertex: figures of those that acknowledged, the others pending or failed (rest-v1 5.9)", async () => {
    const metrics = { alignmentMillis: 1, syncMillis: 2, asyncMillis: 3, startDelayMillis: 4, processedBytes: 5 };
    const { call } = world({
      requestCheckpointStats: async () => checkpointStats(),
      requestCheckpointSubtasks: async () => [
        { subtaskIndex: 2, ackTimestampMillis: STARTED + 2_030, stateSize: 9, metrics },
      ],
    });
    const { body } = await call("GET", `${JOB}/checkpoints/details/2/subtasks/${SINK_ID}`);
    expect(body).toMatchObject({ id: 2, status: "COMPLETED", num_subtasks: 4, processed_data: 3 });
    expect(body["summary"]).toMatchObject({
      state_size: { min: 9, max: 9 },
      end_to_end_duration: { max: 30 },
      checkpoint_duration: { sync: { max: 2 }, async: { max: 3 } },
      alignment: { buffered: { max: 0 }, processed: { max: 5 }, persisted: { max: 0 }, duration: { max: 1 } },
      start_delay: { max: 4 },
    });
    const pending = { status: "pending_or_failed", className: "pending_or_failed" };
    expect(body["subtasks"]).toEqual([
      { index: 0, ...pending },
      { index: 1, ...pending },
      {
        index: 2,
        status: "completed",
        className: "completed",
        ack_timestamp: STARTED + 2_030,
        end_to_end_duration: 30,
        checkpointed_size: 9,
        state_size: 9,
        checkpoint: { sync: 2, async: 3 },
        alignment: { buffered: 0, processed: 5, persisted: 0, duration: 1 },
        start_delay: 4,
        unaligned_checkpoint: false,
        aborted: false,
      },
      { index: 3, ...pending },
    ]);
  });

  it("a savepoint among them says so; paths are those a job starts from", async () => {
    const stats = checkpointStats();
    const [first = expect.fail("no checkpoint")] = stats.history;
    const savepoint = { ...first, status: "COMPLETED", type: "SYNC_SAVEPOINT" } as const;
    const info = executionGraphInfo(JOB_ID);
    const { call } = world({
      requestJob: async () => info,
      requestCheckpointStats: async () => ({ ...stats, history: [savepoint], latestSavepoint: savepoint }),
    });
    const { body } = await call("GET", `${JOB}/checkpoints`);
    expect(body).toMatchObject({
      latest: { savepoint: { is_savepoint: true, savepointFormat: "CANONICAL", checkpoint_type: "SYNC_SAVEPOINT" } },
      history: [{ external_path: `jobs/${JOB_ID}/chk-4` }],
    });
  });
});
