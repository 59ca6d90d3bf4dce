import { describe, expect, it } from "vitest";
import { LEAST_SLEEP_MILLIS } from "../../../src/runtime/messages/task-idleness.ts";
import { TaskRest } from "../../../src/streaming/task/task-rest.ts";

const NOW = 1_000_000;
const FAR = NOW + LEAST_SLEEP_MILLIS;

function of(rest: TaskRest, isSource: boolean, committed: number) {
  return rest.idleness({ isSource, committed, nowMillis: NOW });
}

describe("a task at rest", () => {
  it("without a source rests as soon as it has nothing to process, and in a checkpoint once that is committed", () => {
    const rest = new TaskRest(undefined);
    expect(of(rest, false, 0)).toEqual({});
    rest.snapshotTaken(3);
    expect(of(rest, false, 2)).toEqual({});
    expect(of(rest, false, 3)).toEqual({ sinceCheckpointId: 3 });
    rest.snapshotTaken(4);
    expect(of(rest, false, 4)).toEqual({ sinceCheckpointId: 3 });
    rest.worked();
    expect(of(rest, false, 4)).toEqual({});
    rest.snapshotTaken(5);
    expect(of(rest, false, 5)).toEqual({ sinceCheckpointId: 5 });
  });

  it("is what its checkpoint says when it starts from one", () => {
    expect(of(new TaskRest(7), false, 7)).toEqual({ sinceCheckpointId: 7 });
  });

  it("with a source rests only while that waits, for long", () => {
    const rest = new TaskRest(7);
    expect(of(rest, true, 7), "before its first poll").toBeUndefined();
    rest.polled({ kind: "wait-until", dueMillis: FAR }, 0);
    expect(of(rest, true, 7)).toEqual({ sinceCheckpointId: 7, dueMillis: FAR });
    rest.polled({ kind: "wait-until", dueMillis: FAR - 1 }, 0);
    expect(of(rest, true, 7), "due too soon").toBeUndefined();
    rest.polled({ kind: "wait-until", dueMillis: FAR }, 1);
    expect(of(rest, true, 7), "it has read a record").toEqual({ dueMillis: FAR });
    for (const status of [{ kind: "more" }, { kind: "end" }, { kind: "needs-fetch" }] as const) {
      rest.polled({ kind: "wait-until", dueMillis: FAR }, 0);
      rest.polled(status, 0);
      expect(of(rest, true, 7), status.kind).toBeUndefined();
    }
  });

  it("that is sent its records goes on resting while its source looks for them", () => {
    const rest = new TaskRest(7);
    rest.polled({ kind: "needs-fetch" }, 0);
    expect(of(rest, true, 7), "it has not looked yet").toBeUndefined();
    rest.polled({ kind: "wait-for-records", lookMillis: NOW + 25 }, 0);
    rest.polled({ kind: "needs-fetch" }, 0);
    expect(of(rest, true, 7)).toEqual({ sinceCheckpointId: 7 });
    rest.polled({ kind: "needs-fetch" }, 3);
    expect(of(rest, true, 7), "it has read a batch to its end").toBeUndefined();
  });
});
