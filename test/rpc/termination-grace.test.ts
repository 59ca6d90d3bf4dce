import { describe, expect, it } from "vitest";
import { ask, defineGateway, RpcEndpoint, seconds, withOptions } from "../../src/rpc/index.ts";
import type { HandlerOf } from "../../src/rpc/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";

const LoungeGateway = defineGateway("Lounge", {
  version: 1,
  methods: {
    /** exclusive */
    hang: ask<() => undefined>(),
    linger: ask<(millis: number) => string>(),
  },
});

class Lounge extends RpcEndpoint implements HandlerOf<typeof LoungeGateway> {
  readonly #heard: string[];

  constructor(context: ConstructorParameters<typeof RpcEndpoint>[0], heard: string[]) {
    super(context);
    this.#heard = heard;
  }

  async hang(): Promise<undefined> {
    this.#heard.push("hangs");
    const { signal } = this.call;
    signal.addEventListener("abort", () => this.#heard.push("aborted"));
    await new Promise(() => undefined);
  }

  async linger(millis: number): Promise<string> {
    await new Promise<void>((resolve) => void this.clock.schedule(millis, resolve));
    this.#heard.push("lingered");
    return "done";
  }

  protected override onStop(): void {
    this.#heard.push("onStop");
  }
}

const setUp = () => {
  const clock = new ManualClock();
  const service = new LocalRpcService({ clock });
  const log: string[] = [];
  const server = service.startServer("lounge", {
    gateways: [LoungeGateway],
    factory: (context) => new Lounge(context, log),
    database: new SqliteDatabase(),
  });
  const lounge = withOptions(service.gateway(LoungeGateway, "lounge"), { timeout: seconds(600) });
  return { clock, server, log, lounge, service };
};

describe("termination", () => {
  it("waits for an exclusive handler that settles in time", async () => {
    const { clock, server, log, lounge } = setUp();
    const lingering = lounge.linger(29_999);
    await clock.settle();
    const terminated = server.closeAsync();
    await clock.advance(seconds(30));
    expect(await lingering).toBe("done");
    await terminated;
    expect(log).toEqual(["lingered", "onStop"]);
    expect(clock.pending).toBe(0);
  });

  it("gives up one that hangs after 30 s, and whoever waits behind it; their callers hear why", async () => {
    const { clock, server, log, lounge } = setUp();
    const outcomes = Promise.allSettled([lounge.hang(), lounge.hang()]);
    await clock.settle();
    let terminated = false;
    void server.closeAsync().then(() => (terminated = true));
    await clock.advance(29_999);
    expect([terminated, server.state, log]).toEqual([false, "terminating", ["hangs"]]);
    await clock.advance(1);
    expect([terminated, server.state, log]).toEqual([true, "terminated", ["hangs", "aborted", "onStop"]]);
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason: { code: "RECIPIENT_UNREACHABLE", message: expect.stringMatching(/Lounge\.hang.*30000 ms/) } },
      { status: "rejected", reason: { code: "RECIPIENT_UNREACHABLE" } },
    ]); // prettier-ignore
    expect(clock.pending).toBe(0);
  });

  it("that is cut short by a crash is not terminated: the next activation serves", async () => {
    const { clock, server, lounge, service } = setUp();
    const hanging = lounge.hang().catch((error: unknown) => error);
    await clock.settle();
    server.closeAsync().catch(() => undefined);
    service.kill("lounge");
    expect(server.state).toBe("failed");
    expect(await hanging).toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(service.restart("lounge").state).toBe("started");
  });
});
