import { beforeEach, describe, expect, it } from "vitest";
import { milliseconds, minutes, RpcEndpoint, seconds } from "../../../src/rpc/index.ts";
import type { EndpointContext, Later, TimerFiring } from "../../../src/rpc/index.ts";
import type { Alarm } from "../../../src/rpc/ports/alarm.ts";
import { RpcServer } from "../../../src/rpc/rpc-server.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { systemIds } from "../../../src/common/ids.ts";
import { silentLogger } from "../../../src/common/log.ts";
import { systemRandom } from "../../../src/common/random.ts";

type Handler = (name: string, payload: unknown) => undefined | Later<undefined>;

/** An alarm that a test rings by hand. */
class ManualAlarm implements Alarm {
  due: number | undefined;
  sets = 0;

  get(): number | undefined {
    return this.due;
  }

  set(dueMillis: number): void {
    this.due = dueMillis;
    this.sets += 1;
  }

  delete(): void {
    this.due = undefined;
  }
}

class Timed extends RpcEndpoint {
  readonly fired: string[] = [];
  readonly firings: TimerFiring[] = [];
  handler: Handler = () => undefined;

  protected override onTimer(name: string, payload: unknown, firing: TimerFiring): undefined | Later<undefined> {
    this.validateRunsInMainThread();
    this.firings.push(firing);
    this.fired.push(`${name}@${this.clock.now()}`);
    return this.handler(name, payload);
  }

  /** Runs `body` as a turn. */
  do(body: (self: this) => void): void {
    this.runAsync(() => void body(this));
  }

  set(name: string, delayMillis: number, payload?: unknown): void {
    this.do(() => this.timers.setAfter(name, milliseconds(delayMillis), payload));
  }

  pending(): readonly string[] {
    return this.timers.list().map((timer) => `${timer.name}@${timer.dueMillis}`);
  }

  repeat(name: string, intervalMillis: number): void {
    this.timers.every(name, milliseconds(intervalMillis));
  }

  cron(name: string, pattern: string, timeZone: string): void {
    this.timers.cron(name, pattern, { timeZone });
  }

  delete(name: string): void {
    this.timers.delete(name);
  }

  later(promise: Promise<unknown>): Later<undefined> {
    return this.ask(promise, () => undefined);
  }
}

describe("durable timers", () => {
  let clock: ManualClock;
  let alarm: ManualAlarm;
  let database: SqliteDatabase;
  let server: RpcServer;

  const activate = (): Timed => {
    let endpoint: Timed | undefined;
    server = new RpcServer({
      address: "timed",
      gateways: [],
      factory: (context: EndpointContext) => (endpoint = new Timed(context)),
      ports: {
        rpcService: new LocalRpcService({ clock }),
        clock,
        random: systemRandom,
        ids: systemIds,
        log: silentLogger,
        database,
        alarm,
      },
      onBroken: (_reason, error) => {
        throw error;
      },
    });
    server.start();
    if (endpoint === undefined) throw new Error("not built");
    return endpoint;
  };
  const ring = (): Promise<void> => {
    alarm.due = undefined;
    return server.onAlarm();
  };

  beforeEach(() => {
    clock = new ManualClock(1_000);
    alarm = new ManualAlarm();
    database = new SqliteDatabase();
  });

  it("share one alarm, armed for the earliest; the alarm is gone when no timer is left", async () => {
    const timed = activate();
    timed.set("late", 500);
    timed.set("early", 100);
    expect(alarm.due).toBe(1_100);
    timed.do((self) => self.delete("early"));
    expect(alarm.due).toBe(1_500);
    timed.do((self) => self.delete("late"));
    expect(alarm.due).toBeUndefined();
    await clock.advance(1_000);
    expect(timed.fired).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("replace a timer of the same name, and hand its payload on", async () => {
    const timed = activate();
    const payloads: unknown[] = [];
    timed.handler = (_name, payload) => void payloads.push(payload);
    timed.set("t", 100, { at: "first" });
    timed.set("t", 300, { at: new Date(5), n: 1n });
    await clock.advance(400);
    expect(timed.fired).toEqual(["t@1320"]);
    expect(payloads).toEqual([{ at: new Date(5), n: 1n }]);
  });

  it("fire by the alarm when it is on time, and by the in-memory timer shortly after when it is not", async () => {
    const timed = activate();
    timed.set("by alarm", 100);
    await clock.advance(100);
    expect(timed.fired).toEqual([]);
    await ring();
    timed.set("alarm is late", 100);
    await clock.advance(150);
    expect(timed.fired).toEqual(["by alarm@1100", "alarm is late@1220"]);
  });

  it("keep no in-memory timer for what is due in more than a minute: an idle object must be able to leave memory", () => {
    const timed = activate();
    timed.set("tomorrow", 86_400_000);
    expect(alarm.due).toBe(86_401_000);
    expect(clock.pending).toBe(0);
  });

  it("are armed again by every activation, whatever became of an earlier alarm", async () => {
    activate().set("t", 30_000);
    server.kill();
    alarm.due = undefined; // given up by the platform
    const timed = activate();
    expect(alarm.due).toBe(31_000);
    await clock.advance(31_000);
    expect(timed.fired).toEqual(["t@31020"]);
  });

  it("of an earlier activation that are overdue fire at once", async () => {
    activate().set("t", 100);
    server.kill();
    await clock.advance(10_000);
    const timed = activate();
    await clock.advance(100);
    expect(timed.fired).toEqual(["t@11020"]);
  });

  it("whose turn throws are due again after 1 s, doubled up to 1 min, and are never lost; success resets it", async () => {
    const timed = activate();
    let failures = 8;
    timed.handler = () => {
      if ((failures -= 1) >= 0) throw new Error("not yet");
      return undefined;
    };
    timed.set("t", 0);
    await clock.advance(400_000);
    const instants = timed.fired.map((fired) => Number(fired.split("@")[1]));
    const gaps = instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0));
    // Each gap is the back-off, and the in-memory timer's 20 ms behind the alarm.
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1_000 + 20));
    expect(timed.pending()).toEqual([]);
  });

  it("undo what the failed turn did, new timers included", async () => {
    const timed = activate();
    timed.handler = (name) => {
      if (name !== "t") return undefined;
      timed.set("other", 0);
      throw new Error("no");
    };
    timed.set("t", 0);
    await clock.advance(500);
    expect(timed.fired).toEqual(["t@1020"]);
    expect(timed.pending()).toEqual(["t@2020"]);
  });

  it("the alarm's event lasts until the Laters of its handlers have settled; others fire meanwhile", async () => {
    const timed = activate();
    const pump = Promise.withResolvers<void>();
    timed.handler = (name) => (name === "pump" ? timed.later(pump.promise) : undefined);
    timed.set("pump", 10);
    timed.set("other", 50);
    await clock.advance(10);
    let done = false;
    const event = ring().then(() => (done = true));
    await clock.advance(200);
    expect(timed.fired).toEqual(["pump@1010", "other@1070"]);
    expect(done).toBe(false);
    pump.resolve();
    await event;
  });

  it("a handler may set its own timer again in its turn, for the same instant too", async () => {
    const timed = activate();
    let rounds = 0;
    timed.handler = () => {
      rounds += 1;
      if (rounds < 3) timed.set("pump", 0);
      return timed.later(Promise.resolve());
    };
    timed.set("pump", 0);
    await clock.advance(200);
    expect(rounds).toBe(3);
  });

  it("a handler whose Later fails is due again; not if the endpoint set or deleted the timer meanwhile", async () => {
    const timed = activate();
    const failing = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let round = -1;
    timed.handler = () => timed.later(failing[(round += 1)]?.promise ?? Promise.resolve());
    timed.set("t", 0);
    await clock.advance(50);
    failing[0]?.reject(new Error("pump broke"));
    await clock.settle();
    expect(timed.pending()).toEqual(["t@2050"]);
    await clock.advance(1_100);
    expect(round).toBe(1);
    timed.do((self) => self.delete("t"));
    failing[1]?.reject(new Error("pump broke after it was cancelled"));
    await clock.advance(10_000);
    expect(timed.pending()).toEqual([]);
    expect(round).toBe(1);
  });

  it("keep their timer while the Later is pending: the next activation runs it again, with the same token", async () => {
    const first = activate();
    first.handler = () => first.later(new Promise(() => undefined));
    first.set("work", 10);
    await clock.advance(100);
    server.kill();
    const second = activate();
    await clock.advance(100);
    expect([...first.firings, ...second.firings].map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(second.firings[0]?.token).toBe(first.firings[0]?.token);
    expect(second.pending()).toEqual([]);
  });

  it("have one token over all attempts at a firing, and another for the next", async () => {
    const timed = activate();
    let failures = 2;
    timed.handler = () => {
      if ((failures -= 1) >= 0) throw new Error("fails");
      return undefined;
    };
    timed.set("work", 10);
    await clock.advance(10_000);
    timed.set("work", 10);
    await clock.advance(10_000);
    expect(timed.firings.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1]);
    expect(new Set(timed.firings.slice(0, 3).map(({ token }) => token)).size).toBe(1);
    expect(new Set(timed.firings.map(({ token }) => token)).size).toBe(2);
  });

  it("every: are due again and again on their grid; what passed while the endpoint was away becomes one", async () => {
    const first = activate();
    first.do(() => first.repeat("tick", 1_000));
    await clock.advance(2_500);
    server.kill();
    await clock.advance(3_000);
    const second = activate();
    await clock.advance(2_000);
    expect(first.fired).toEqual(["tick@2020", "tick@3020"]);
    // Once for 4,000 to 6,000, then by the grid again.
    expect(second.fired).toEqual(["tick@6520", "tick@7020", "tick@8020"]);
    second.do(() => second.delete("tick"));
    await clock.advance(5_000);
    expect(second.fired).toHaveLength(3);
  });

  it("every: a firing that fails is tried again, and the grid stays", async () => {
    const timed = activate();
    let failures = 1;
    timed.handler = () => {
      if ((failures -= 1) >= 0) throw new Error("fails");
      return undefined;
    };
    timed.do(() => timed.repeat("tick", 10_000));
    await clock.advance(25_000);
    expect(timed.fired).toEqual(["tick@11020", "tick@12040", "tick@21020"]);
  });

  it("cron: are due by the pattern in its time zone, summer time included", async () => {
    // An hour before the clocks of Berlin go forward.
    clock = new ManualClock(Date.UTC(2026, 2, 29, 0, 0, 0));
    const timed = activate();
    timed.do(() => timed.cron("daily", "30 7 * * *", "Europe/Berlin"));
    for (let step = 0; step < 72; step += 1) {
      await clock.advance(minutes(30));
      await ring();
    }
    const instants = timed.fired.map((fired) => new Date(Number(fired.split("@")[1])).toISOString().slice(0, 16));
    expect(instants).toEqual(["2026-03-29T05:30", "2026-03-30T05:30"]);
  });

  it.each(["* * *", "61 * * * *", "never"])("cron: refuse the pattern %j, naming it", async (pattern) => {
    const timed = activate();
    let refusal: unknown;
    timed.do(() => {
      try {
        timed.cron("bad", pattern, "UTC");
      } catch (error) {
        refusal = error;
      }
    });
    await clock.settle();
    expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(pattern) });
  });

  it("wait for onStart, and an alarm that finds a terminated endpoint does nothing", async () => {
    const timed = activate();
    timed.set("t", 1_000);
    await server.closeAsync();
    expect(alarm.due).toBeUndefined();
    await ring();
    await clock.advance(5_000);
    expect(timed.fired).toEqual([]);
    expect(database.exec("SELECT * FROM sluice_timers")).toEqual([]);
  });

  it("are set in turns only, with a due time that is a number", () => {
    const timed = activate();
    expect(() => timed["timers"].setAfter("t", seconds(1))).toThrow(/outside the endpoint's main thread/);
    timed.do((self) => {
      expect(() => self["timers"].set("t", Number.NaN)).toThrow(/timer t: due/);
    });
    expect(timed.pending()).toEqual([]);
  });
});
