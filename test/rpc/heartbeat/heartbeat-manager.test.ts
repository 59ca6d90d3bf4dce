import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { RecipientUnreachableException, TimeoutException } from "../../../src/rpc/exceptions.ts";
import type { HeartbeatTarget } from "../../../src/rpc/heartbeat/heartbeat-listener.ts";
import { HeartbeatManagerSender } from "../../../src/rpc/heartbeat/heartbeat-manager-sender.ts";
import { HeartbeatManager } from "../../../src/rpc/heartbeat/heartbeat-manager.ts";
import { DEFAULT_HEARTBEAT_OPTIONS, RPC_FAILURES_IGNORED } from "../../../src/rpc/heartbeat/heartbeat-options.ts";
import type { HeartbeatOptions } from "../../../src/rpc/heartbeat/heartbeat-options.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { manualMainThread } from "../../../src/testing/manual-main-thread.ts";

const TIMEOUT = DEFAULT_HEARTBEAT_OPTIONS.timeoutMillis;
const INTERVAL = DEFAULT_HEARTBEAT_OPTIONS.intervalMillis;
const silent: HeartbeatTarget<string> = () => undefined;

function setUp(options: Partial<HeartbeatOptions> = {}) {
  const clock = new ManualClock(1_000_000);
  const heard: string[] = [];
  const services = {
    executor: manualMainThread(clock),
    clock,
    options: { ...DEFAULT_HEARTBEAT_OPTIONS, ...options },
    listener: {
      notifyHeartbeatTimeout: (id: string) => void heard.push(`timeout ${id}`),
      notifyTargetUnreachable: (id: string) => void heard.push(`unreachable ${id}`),
      reportPayload: (id: string, payload: string | undefined) => void heard.push(`payload ${id} ${payload}`),
      retrievePayload: (id: string) => `for ${id} at ${clock.now()}`,
    },
  };
  return {
    clock,
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
