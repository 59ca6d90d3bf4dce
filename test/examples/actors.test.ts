import { describe, expect, it } from "vitest";
import { ChatRoom, ChatRoomGateway } from "../../examples/chat-room/chat-room.ts";
import type { Message } from "../../examples/chat-room/chat-room.ts";
import {
  Candidate,
  CandidateGateway,
  Election,
  ELECTION,
  ElectionGateway,
  LEASE_MILLIS,
  PERIOD_MILLIS,
} from "../../examples/leader-cron/leader-cron.ts";
import type { Run } from "../../examples/leader-cron/leader-cron.ts";
import { RateLimiter, RateLimiterGateway } from "../../examples/rate-limiter/rate-limiter.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";

/** The examples' endpoints on the local service, in virtual time. */
function setUp() {
  const clock = new ManualClock(1_000_000);
  return { clock, service: new LocalRpcService({ clock }) };
}

describe("examples/chat-room", () => {
  it("what nobody could be told was not said", async () => {
    const { service } = setUp();
    const heard: (Message | string)[] = [];
    let deaf = false;
    service.startServer("room", {
      gateways: [ChatRoomGateway],
      factory: (context) =>
        new ChatRoom(context, {
          admit: (listener, history) => {
            heard.push(listener, ...history);
          },
          hear: (message) => {
            if (deaf) throw new Error("the line is dead");
            heard.push(message);
          },
        }),
      database: new SqliteDatabase(),
    });
    const room = service.gateway(ChatRoomGateway, "room");
    const first = await room.say("ada", "one");
    deaf = true;
    await expect(room.say("ada", "two")).rejects.toThrow("the line is dead");
    deaf = false;
    const third = await room.say("bob", "three");
    await room.join("late", 0);
    expect([first.id, third.id]).toEqual([1, 2]);
    expect(heard).toEqual([first, third, "late", first, third]);
  });
});

describe("examples/rate-limiter", () => {
  it("fills up at its rate and no further, and says when to come back", async () => {
    const { clock, service } = setUp();
    service.startServer("limiter", {
      gateways: [RateLimiterGateway],
      factory: (context) => new RateLimiter(context, { capacity: 3, tokensPerSecond: 2 }),
    });
    const limiter = service.gateway(RateLimiterGateway, "limiter");
    expect(await limiter.take(3)).toEqual({ allowed: true, remaining: 0, retryAfterMillis: 0 });
    expect(await limiter.take(1)).toEqual({ allowed: false, remaining: 0, retryAfterMillis: 500 });
    await clock.advance(499);
    expect(await limiter.take(1)).toMatchObject({ allowed: false, retryAfterMillis: 1 });
    await clock.advance(1);
    expect(await limiter.take(1)).toMatchObject({ allowed: true, remaining: 0 });
    await clock.advance(3_600_000);
    expect(await limiter.take(1)).toMatchObject({ allowed: true, remaining: 2 });
    await expect(limiter.take(0)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("examples/leader-cron", () => {
  const IDS = ["a", "b", "c"];

  async function startCron() {
    const { clock, service } = setUp();
    service.startServer(ELECTION, {
      gateways: [ElectionGateway],
      factory: (context) => new Election(context),
      database: new SqliteDatabase(),
    });
    for (const id of IDS) {
      service.startServer(id, {
        gateways: [CandidateGateway],
        factory: (context) => new Candidate(context),
        database: new SqliteDatabase(),
      });
      await service.gateway(CandidateGateway, id).start();
    }
    const runs = async (id: string): Promise<readonly Run[]> => service.gateway(CandidateGateway, id).runs();
    return { clock, service, runs };
  }

  it("the leader does every run, in term 1", async () => {
    const { clock, runs } = await startCron();
    await clock.advance(10 * PERIOD_MILLIS);
    const dues = Array.from({ length: 10 }, (_, index) => ({ due: 1_000_000 + (index + 1) * PERIOD_MILLIS, term: 1 }));
    expect(await runs("a")).toEqual(dues);
    expect([await runs("b"), await runs("c")]).toEqual([[], []]);
  });

  it("a leader that crashed is succeeded when its lease ends, and does nothing when it comes back", async () => {
    const { clock, service, runs } = await startCron();
    await clock.advance(PERIOD_MILLIS);
    service.kill("a");
    await clock.advance(LEASE_MILLIS + 3 * PERIOD_MILLIS);
    const { leader } = (await service.gateway(ElectionGateway, ELECTION).lease()) ?? {};
    expect(leader).toBe("b");
    service.restart("a");
    await clock.advance(5 * PERIOD_MILLIS);
    expect(await runs("a")).toEqual([{ due: 1_001_000, term: 1 }]);
    // The first run of the new leader is that of the instant in which the lease ended.
    expect((await runs("b")).map(({ due, term }) => [due, term])).toEqual(
      Array.from({ length: 9 }, (_, index) => [1_006_000 + index * PERIOD_MILLIS, 2]),
    );
  });

  it("gives a run out once, also to a leader that asks again, and never one that is older", async () => {
    const { service } = await startCron();
    const election = service.gateway(ElectionGateway, ELECTION);
    expect(await election.campaign("x", 5_000)).toEqual({ due: 5_000, term: 1 });
    expect(await election.campaign("x", 5_000)).toBeNull();
    expect(await election.campaign("x", 4_000)).toBeNull();
    expect(await election.campaign("x", 6_000)).toEqual({ due: 6_000, term: 1 });
  });
});
