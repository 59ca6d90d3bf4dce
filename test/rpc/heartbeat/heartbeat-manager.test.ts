import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { RecipientUnreachableException, TimeoutException } from "../../../src/rpc/exceptions.ts";
import type { HeartbeatTarget } from "../../../src/rpc/heartbeat/heartbeat-listener.ts";
import { HeartbeatManagerSender } from "../../../src/rpc/heartbeat/heartbeat-manager-sender.ts";
import { HeartbeatManager } from "../../../src/rpc/heartbeat/heartbeat-manager.ts";
import { DEFAULT_HEARTBEAT_OPTIONS, RPC_FAILURES_IGNORED } from "../../../src/rpc/heartbeat/heartbeat-options.ts";
import type { HeartbeatOptions } from "../../../src/rpc/heartbeat/heartbeat-options.ts";
import { MainThreadExecutor } from "../../../src/rpc/main-thread-executor.ts";
import { MainThread } from "../../../src/rpc/main-thread.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { manualMainThreadOptions } from "../../../src/testing/manual-main-thread.ts";
import { SeededRandom } from "../../../src/testing/seeded-random.ts";

const TIMEOUT = DEFAULT_HEARTBEAT_OPTIONS.timeoutMillis;
const INTERVAL = DEFAULT_HEARTBEAT_OPTIONS.intervalMillis;
const silent: HeartbeatTarget<string> = () => undefined;

function setUp(options: Partial<HeartbeatOptions> = {}, onTimeout: (id: string) => void = () => undefined) {
  const clock = new ManualClock(1_000_000);
  const heard: string[] = [];
  const mainThread = new MainThread(manualMainThreadOptions(clock));
  mainThread.open();
  const executor = new MainThreadExecutor(mainThread);
  const services = {
    executor,
    clock,
    options: { ...DEFAULT_HEARTBEAT_OPTIONS, ...options },
    listener: {
      notifyHeartbeatTimeout: (id: string) => {
        heard.push(`timeout ${id}`);
        onTimeout(id);
      },
      notifyTargetUnreachable: (id: string) => void heard.push(`unreachable ${id}`),
      reportPayload: (id: string, payload: string | undefined) => void heard.push(`payload ${id} ${payload}`),
      retrievePayload: (id: string) => `for ${id} at ${clock.now()}`,
    },
  };
  return {
    clock,
    mainThread,
    executor,
    heard,
    manager: new HeartbeatManager<string | undefined, string>(services),
    sender: new HeartbeatManagerSender<string | undefined, string>(services),
  };
}

describe("HeartbeatManager", () => {
  it.each([{ timeoutMillis: 0 }, { timeoutMillis: -1 }, { failedRpcThreshold: 0 }, { failedRpcThreshold: -2 }])(
    "H1 refuses %j",
    (options) => {
      expect(() => setUp(options)).toThrow(SluiceException);
    },
  );

  it("H2 arms the timeout at once; the last heartbeat reads 0, and -1 for a stranger", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    expect(manager.getLastHeartbeatFrom("te")).toBe(0);
    expect(manager.getLastHeartbeatFrom("stranger")).toBe(-1);
    await clock.advance(TIMEOUT - 1);
    expect(heard).toEqual([]);
    await clock.advance(1);
    expect(heard).toEqual(["timeout te"]);
  });

  it("over H3, H18: monitoring again replaces the target, its timeout, and a monitor that has ended", async () => {
    const { clock, heard, manager } = setUp();
    const sent: string[] = [];
    manager.monitorTarget("te", silent);
    await clock.advance(TIMEOUT);
    manager.monitorTarget("te", (payload) => void sent.push(payload) as undefined);
    await clock.advance(TIMEOUT - 1);
    manager.requestHeartbeat("te", undefined);
    await clock.advance(TIMEOUT - 1);
    expect(heard).toEqual(["timeout te"]);
    expect(sent).toHaveLength(1);
  });

  it("over H3: the timeout of a target that was replaced never comes", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    await clock.advance(TIMEOUT - 1);
    manager.monitorTarget("te", silent);
    await clock.advance(TIMEOUT - 1);
    expect(heard).toEqual([]);
    expect(clock.pending).toBe(1);
  });

  it("H4, H5 a heartbeat starts the timeout anew and stamps the time; silence is told once", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    for (let beat = 0; beat < 5; beat += 1) {
      await clock.advance(TIMEOUT - 1);
      manager.receiveHeartbeat("te", undefined);
      expect(manager.getLastHeartbeatFrom("te")).toBe(clock.now());
    }
    expect(heard).toEqual([]);
    await clock.advance(10 * TIMEOUT);
    expect(heard).toEqual(["timeout te"]);
  });

  it("H6 tells nothing of a target that is not monitored any more", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    manager.unmonitorTarget("te");
    expect(clock.pending).toBe(0);
    await clock.advance(2 * TIMEOUT);
    expect(heard).toEqual([]);
  });

  it("H7 reports the payload of a stranger, and no missing payload", () => {
    const { heard, manager } = setUp();
    manager.receiveHeartbeat("stranger", "hello");
    manager.receiveHeartbeat("stranger", undefined);
    expect(heard).toEqual(["payload stranger hello"]);
  });

  it("H8 answers nothing to a stranger, and says so", () => {
    const { heard, manager } = setUp();
    expect(manager.requestHeartbeat("stranger", "hello")).toBe(false);
    expect(heard).toEqual([]);
  });

  it("H9, H10 answers a request with the payload of that moment", async () => {
    const { clock, heard, manager } = setUp();
    const sent: string[] = [];
    manager.monitorTarget("te", (payload) => void sent.push(payload) as undefined);
    await clock.advance(7);
    expect(manager.requestHeartbeat("te", "report")).toBe(true);
    expect(heard).toEqual(["payload te report"]);
    expect(sent).toEqual(["for te at 1000007"]);
  });

  it("H13 counts failures to deliver, time-outs and links of a cause chain included, and nothing else", async () => {
    const failures = [
      new RecipientUnreachableException("gone"),
      new TimeoutException("slow"),
      new SluiceException("UNEXPECTED", "wrapped", { cause: new RecipientUnreachableException("gone") }),
    ];
    for (const failure of failures) {
      const { clock, heard, manager } = setUp({ failedRpcThreshold: 1 });
      manager.monitorTarget("te", () => Promise.reject(failure));
      manager.requestHeartbeat("te", undefined);
      await clock.settle();
      expect(heard).toEqual(["unreachable te"]);
    }
    const { clock, heard, manager } = setUp({ failedRpcThreshold: 1 });
    manager.monitorTarget("te", () => Promise.reject(new SluiceException("TASK_MANAGER", "its handler threw")));
    manager.requestHeartbeat("te", undefined);
    await clock.settle();
    expect(heard).toEqual([]);
  });

  it("H14, H15 tells unreachability after the threshold, once, and a delivery starts the count anew", async () => {
    const { clock, heard, manager } = setUp({ failedRpcThreshold: 2 });
    let reachable = false;
    manager.monitorTarget("te", () =>
      reachable ? Promise.resolve() : Promise.reject(new RecipientUnreachableException("gone")),
    );
    const beat = async (): Promise<void> => {
      manager.requestHeartbeat("te", undefined);
      await clock.settle();
    };
    await beat();
    reachable = true;
    await beat();
    reachable = false;
    await beat();
    expect(heard).toEqual([]);
    await beat();
    await beat();
    await clock.advance(2 * TIMEOUT);
    expect(heard).toEqual(["unreachable te"]);
  });

  it("H16 ignores failed deliveries if the threshold says so", async () => {
    const { clock, heard, manager } = setUp({ failedRpcThreshold: RPC_FAILURES_IGNORED });
    manager.monitorTarget("te", () => Promise.reject(new RecipientUnreachableException("gone")));
    for (let beat = 0; beat < 10; beat += 1) manager.requestHeartbeat("te", undefined);
    await clock.settle();
    expect(heard).toEqual([]);
  });

  it("H17 only stamps the time of signals after the end", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    await clock.advance(TIMEOUT);
    manager.receiveHeartbeat("te", undefined);
    expect(manager.getLastHeartbeatFrom("te")).toBe(clock.now());
    await clock.advance(2 * TIMEOUT);
    expect(heard).toEqual(["timeout te"]);
  });

  it("H19 does nothing after its stop", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    manager.stop();
    manager.monitorTarget("other", silent);
    manager.receiveHeartbeat("te", "report");
    expect(manager.requestHeartbeat("te", "report")).toBe(false);
    expect(clock.pending).toBe(0);
    await clock.advance(2 * TIMEOUT);
    expect(heard).toEqual([]);
  });

  it("H20 lets a heartbeat win that is queued ahead of a due timeout", async () => {
    const { clock, heard, manager } = setUp();
    manager.monitorTarget("te", silent);
    clock.schedule(TIMEOUT - 1, () => manager.receiveHeartbeat("te", undefined));
    await clock.advance(TIMEOUT);
    expect(heard).toEqual([]);
  });
});

describe("HeartbeatManager with many targets", () => {
  it("H2, H5, H6 holds one timer, and none when nothing is left that could time out", async () => {
    const { clock, heard, manager } = setUp();
    for (const id of ["a", "b", "c"]) {
      manager.monitorTarget(id, silent);
      await clock.advance(1);
    }
    expect(clock.pending).toBe(1);
    manager.unmonitorTarget("a");
    expect(clock.pending).toBe(1);
    await clock.advance(TIMEOUT);
    expect(heard).toEqual(["timeout b", "timeout c"]);
    expect(clock.pending).toBe(0);
  });

  it("H4, H5 each times out at its own time, whatever of the others was heard", async () => {
    const { clock, manager, heard } = setUp();
    const random = new SeededRandom(7);
    const ids = ["a", "b", "c", "d", "e"];
    const expected = new Map<string, number>();
    for (const id of ids) {
      manager.monitorTarget(id, silent);
      expected.set(id, TIMEOUT);
    }
    for (let elapsed = 0; elapsed < 5 * TIMEOUT; elapsed += 1_000) {
      const over = ids.filter((id) => (expected.get(id) ?? 0) <= elapsed).map((id) => `timeout ${id}`);
      expect([...heard].sort()).toEqual(over);
      const id = ids[Math.floor(random.next() * 2 * ids.length)];
      if (id !== undefined && elapsed < 3 * TIMEOUT) {
        manager.receiveHeartbeat(id, undefined);
        if ((expected.get(id) ?? 0) > elapsed) expected.set(id, elapsed + TIMEOUT);
      }
      await clock.advance(1_000);
    }
    expect(heard).toHaveLength(ids.length);
    expect(clock.pending).toBe(0);
  });

  it("H6 a listener may end the watch of another that is due at the same time", async () => {
    const { clock, heard, manager } = setUp({}, (id) => {
      if (id === "a") manager.unmonitorTarget("b");
    });
    for (const id of ["a", "b", "c"]) manager.monitorTarget(id, silent);
    await clock.advance(2 * TIMEOUT);
    expect(heard).toEqual(["timeout a", "timeout c"]);
  });

  it("tells of each in a turn of its own: a listener that throws takes nothing from the others", async () => {
    const { clock, heard, manager } = setUp({}, (id) => {
      if (id === "a") throw new Error("of the listener");
    });
    for (const id of ["a", "b"]) manager.monitorTarget(id, silent);
    await clock.advance(1);
    manager.monitorTarget("c", silent);
    await clock.advance(TIMEOUT);
    expect(heard).toEqual(["timeout a", "timeout b", "timeout c"]);
  });

  it("a turn that throws takes the timer with it that it set, but not for ever", async () => {
    const { clock, executor, heard, manager } = setUp();
    executor.execute(() => {
      manager.monitorTarget("a", silent);
      throw new Error("of the turn");
    });
    await clock.advance(1);
    for (let beat = 0; beat < 4; beat += 1) {
      manager.monitorTarget("b", silent);
      await clock.advance(TIMEOUT - 1);
    }
    await clock.advance(1);
    expect(heard).toEqual(["timeout a", "timeout b"]);
  });

  it("H20 lets a heartbeat win that is queued behind the timeout of another", async () => {
    const { clock, mainThread, executor, heard, manager } = setUp();
    manager.monitorTarget("a", silent);
    manager.monitorTarget("c", silent);
    await clock.advance(1);
    manager.monitorTarget("b", silent);
    // The main thread does not come to either timeout before both are overdue.
    await clock.advance(TIMEOUT - 2);
    mainThread.pause();
    await clock.advance(10);
    executor.execute(() => {
      manager.receiveHeartbeat("b", undefined);
      manager.receiveHeartbeat("c", undefined);
      return undefined;
    });
    mainThread.open();
    await clock.advance(TIMEOUT - 1);
    expect(heard).toEqual(["timeout a"]);
  });
});

describe("HeartbeatManagerSender", () => {
  it("H11 asks at once, then every interval, and stops when nothing is left to monitor", async () => {
    const { clock, sender } = setUp();
    const sent: number[] = [];
    sender.monitorTarget("te", () => void sent.push(clock.now() - 1_000_000) as undefined);
    await clock.advance(2 * INTERVAL);
    expect(sent).toEqual([0, INTERVAL, 2 * INTERVAL]);
    sender.unmonitorTarget("te");
    expect(clock.pending).toBe(0);
    await clock.advance(5 * INTERVAL);
    expect(sent).toHaveLength(3);
  });

  it("asks all targets in one round, a later one with the next", async () => {
    const { clock, sender } = setUp();
    const sent: string[] = [];
    const target =
      (id: string): HeartbeatTarget<string> =>
      () =>
        void sent.push(id) as undefined;
    sender.monitorTarget("a", target("a"));
    await clock.advance(1);
    sender.monitorTarget("b", target("b"));
    await clock.advance(INTERVAL);
    expect(sent).toEqual(["a", "a", "b"]);
  });

  it("H12 a sender and a receiver keep each other alive; the receiver's stop is noticed", async () => {
    const { clock, heard, sender, manager } = setUp();
    sender.monitorTarget("receiver", () => void manager.requestHeartbeat("sender", undefined) as undefined);
    manager.monitorTarget("sender", () => void sender.receiveHeartbeat("receiver", undefined) as undefined);
    await clock.advance(20 * TIMEOUT);
    expect(heard).toEqual([]);
    manager.stop();
    await clock.advance(TIMEOUT + INTERVAL);
    expect(heard).toEqual(["timeout receiver"]);
  });
});
