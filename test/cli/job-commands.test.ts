import { afterEach, describe, expect, it, vi } from "vitest";
import { createProgram } from "../../src/cli/cli.ts";
import { ACKNOWLEDGE, type Acknowledge } from "../../src/common/acknowledge.ts";
import { SluiceException } from "../../src/common/exceptions.ts";
import { serializeThrowable } from "../../src/runtime/messages/serialized-throwable.ts";
import type { SnapshotOperationStatus } from "../../src/runtime/messages/snapshot-operations.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { JOB_ID, jobDetails } from "../rest/jobs.ts";
import { restHarness, testingDispatcherGateway } from "../rest/rest-harness.ts";
import { TerminalOutput } from "./terminal-output.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const LOCATION = "savepoints/mine/savepoint-1";

/** The platform behind the commands: an operation is in progress when first asked about, and then as told. */
function platform(ended: Partial<SnapshotOperationStatus> = {}) {
  const calls: unknown[][] = [];
  const record =
    (method: string) =>
    async (...args: readonly unknown[]): Promise<Acknowledge> => {
      calls.push([method, ...args.filter((arg) => typeof arg !== "string" || !/^0+[0-9a-f]+$/.test(arg))]);
      return ACKNOWLEDGE;
    };
  let asked = 0;
  const status = async (): Promise<SnapshotOperationStatus> => {
    asked += 1;
    const completed = { kind: "completed", checkpointId: 7, location: LOCATION, endedMillis: 0 } as const;
    return asked === 1 ? { kind: "in-progress" } : ({ ...completed, ...ended } as SnapshotOperationStatus);
  };
  const harness = restHarness({
    savepointDirectory: "savepoints",
    dispatcher: () =>
      testingDispatcherGateway({
        requestMultipleJobDetails: async () => [jobDetails(), jobDetails({ status: "FINISHED", name: "done" })],
        cancelJob: record("cancel"),
        triggerCheckpoint: record("checkpoint"),
        triggerSavepoint: record("savepoint"),
        stopWithSavepoint: record("stop"),
        disposeSavepoint: record("dispose"),
        getTriggeredCheckpointStatus: status,
        getTriggeredSavepointStatus: status,
        getSavepointDisposalStatus: async () => ({ kind: "completed", endedMillis: 0 }),
      }),
  });
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const { pathname, search } = new URL(url);
    return harness.send(pathname + search, init);
  });
  const command = async (...args: readonly string[]) => {
    const out = new TerminalOutput();
    const clock = new ManualClock();
    const done = createProgram({
      out: out.terminal,
      err: new TerminalOutput().terminal,
      signal: new AbortController().signal,
      root: "",
      clock,
      ids: { hex: () => "d".repeat(32) },
      environment: { SLUICE_URL: "http://sluice.test" },
    }).parseAsync([...args], { from: "user" });
    const settled = done.catch((error: unknown) => error);
    for (let round = 0; round < 20; round += 1) await clock.advance(100);
    const fault = await settled;
    return { text: out.text.trim(), fault: fault instanceof Error ? fault : undefined };
  };
  return { calls, command };
}

describe("commands about jobs", () => {
  it("list shows running jobs, and ended ones if asked", async () => {
    const { command } = platform();
    expect((await command("list")).text).toMatch(new RegExp(`^${JOB_ID}  RUNNING       \\S+Z  quakes$`));
    expect((await command("list", "--all")).text.split("\n")).toHaveLength(2);
    expect(JSON.parse((await command("list", "--json")).text)).toMatchObject({ jobs: [{ jid: JOB_ID }] });
  });

  it.each([
    [
      ["savepoint", JOB_ID],
      ["savepoint", JOB_ID, { targetDirectory: "savepoints", cancelJob: false }],
    ],
    [
      ["savepoint", JOB_ID, "mine"],
      ["savepoint", JOB_ID, { targetDirectory: "mine", cancelJob: false }],
    ],
    [
      ["cancel", JOB_ID, "-s"],
      ["savepoint", JOB_ID, { targetDirectory: "savepoints", cancelJob: true }],
    ],
    [
      ["cancel", JOB_ID, "--savepoint", "mine"],
      ["savepoint", JOB_ID, { targetDirectory: "mine", cancelJob: true }],
    ],
    [
      ["stop", JOB_ID],
      ["stop", JOB_ID, { targetDirectory: "savepoints", drain: false }],
    ],
    [
      ["stop", JOB_ID, "-p", "mine", "--drain"],
      ["stop", JOB_ID, { targetDirectory: "mine", drain: true }],
    ],
  ])("%j waits for the savepoint and prints where it lies", async (args, call) => {
    const { calls, command } = platform();
    expect((await command(...args)).text).toBe(LOCATION);
    expect(calls).toEqual([call]);
    expect(JSON.parse((await command(...args, "--json")).text)).toEqual({ job: JOB_ID, location: LOCATION });
  });

  it("cancel, checkpoint and disposal say what they did", async () => {
    const { calls, command } = platform();
    expect((await command("cancel", JOB_ID)).text).toBe(`job ${JOB_ID} is being canceled`);
    expect((await command("checkpoint", JOB_ID)).text).toBe("checkpoint 7 is complete");
    expect((await command("savepoint", "--dispose", "savepoints/x")).text).toBe("savepoints/x is deleted");
    expect(calls.map(([method]) => method)).toEqual(["cancel", "checkpoint", "dispose"]);
  });

  it("a failure is one line", async () => {
    const failure = serializeThrowable(new SluiceException("CHECKPOINT", "not all tasks are running"));
    const { command } = platform({ kind: "failed", failure });
    expect((await command("stop", JOB_ID)).fault?.message).toBe("The savepoint failed: not all tasks are running");
    expect((await command("checkpoint", JOB_ID)).fault?.message).toBe(
      "The checkpoint failed: not all tasks are running",
    );
  });

  it("neither a job nor a path is an error of the command line", async () => {
    expect((await platform().command("savepoint")).fault?.message).toContain("Expected a job, or --dispose");
  });
});
