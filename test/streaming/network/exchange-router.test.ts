import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { brandId, type ResourceID } from "../../../src/common/ids.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { SluiceException } from "../../../src/common/exceptions.ts";
import type {
  ChannelId,
  CreditGrant,
  ExchangeFlush,
  ExchangeLink,
} from "../../../src/streaming/network/exchange-link.ts";
import { ExchangeRouter } from "../../../src/streaming/network/exchange-router.ts";
import { InputChannel } from "../../../src/streaming/network/input-channel.ts";
import { ResultSubpartition } from "../../../src/streaming/network/result-subpartition.ts";

const HERE = brandId<ResourceID>("here");
const THERE = brandId<ResourceID>("there");

const channelTo = (consumer: string): ChannelId => ({
  dataSet: brandId("d"),
  producer: brandId("p"),
  consumer: brandId(consumer),
});
const message = (sequence: number) => ({ sequence, event: { kind: "watermark", watermark: sequence } }) as const;

/** A peer whose answers the test gives. */
class TestingPeer {
  readonly calls: { readonly flush: ExchangeFlush; readonly settle: PromiseWithResolvers<readonly CreditGrant[]> }[] =
    [];
  readonly link: ExchangeLink = {
    deliver: (flush) => this.#call(flush),
    credit: async (grants) => {
      await this.#call({ deliveries: [], grants });
    },
  };

  #call(flush: ExchangeFlush): Promise<readonly CreditGrant[]> {
    const settle = Promise.withResolvers<readonly CreditGrant[]>();
    this.calls.push({ flush, settle });
    return settle.promise;
  }
}

function testingRouter(links?: () => ExchangeLink) {
  const peer = new TestingPeer();
  const broken: { readonly peer: ResourceID; readonly error: SluiceException }[] = [];
  const faults: ChannelId[] = [];
  let credits = 0;
  const router = new ExchangeRouter({
    self: HERE,
    links: links ?? (() => peer.link),
    onFault: (channel) => faults.push(channel),
    onLinkBroken: (name, error) => broken.push({ peer: name, error }),
    onCredit: () => (credits += 1),
  });
  return { router, peer, broken, faults, credits: () => credits };
}

describe("ExchangeRouter", () => {
  it("keeps one call in flight and sends what gathered meanwhile in one", async () => {
    const { router, peer } = testingRouter();
    router.send(THERE, channelTo("c0"), message(0));
    router.flush();
    router.send(THERE, channelTo("c0"), message(1));
    router.send(THERE, channelTo("c1"), message(0));
    router.send(THERE, channelTo("c0"), message(2));
    router.grant(THERE, channelTo("c2"), 10);
    router.grant(THERE, channelTo("c2"), 5);
    router.flush();
    expect(peer.calls.map(({ flush }) => flush)).toEqual([
      { deliveries: [{ channel: channelTo("c0"), messages: [message(0)] }], grants: [] },
    ]);
    peer.calls[0]?.settle.resolve([]);
    await setImmediate();
    router.flush();
    expect(peer.calls[1]?.flush).toEqual({
      deliveries: [
        { channel: channelTo("c0"), messages: [message(1), message(2)] },
        { channel: channelTo("c1"), messages: [message(0)] },
      ],
      grants: [{ channel: channelTo("c2"), bytes: 15 }],
    });
  });

  it("gives credits of a reply to their producers, and says so", async () => {
    const { router, peer, credits } = testingRouter();
    const sent: number[] = [];
    const subpartition = new ResultSubpartition(
      { channel: channelTo("c0"), send: ({ sequence }) => sent.push(sequence) },
      types.int(),
    );
    subpartition.emit({ kind: "end-of-data" });
    router.registerOutput(subpartition);
    router.send(THERE, channelTo("c1"), message(0));
    router.flush();
    peer.calls[0]?.settle.resolve([{ channel: channelTo("c0"), bytes: 100 }]);
    await setImmediate();
    expect(sent).toEqual([0]);
    expect(credits()).toBe(1);
  });

  it("keeps credits for a producer that is not there yet, a bounded number of them", () => {
    const { router } = testingRouter();
    const opened = (consumer: string): boolean => {
      const sent: number[] = [];
      const channel = channelTo(consumer);
      const subpartition = new ResultSubpartition(
        { channel, send: ({ sequence }) => sent.push(sequence) },
        types.int(),
      );
      subpartition.emit({ kind: "end-of-data" });
      router.registerOutput(subpartition);
      return sent.length > 0;
    };
    router.credit([{ channel: channelTo("first"), bytes: 1 }]);
    for (let index = 0; index < 4_096; index += 1) router.credit([{ channel: channelTo(`c${index}`), bytes: 1 }]);
    expect(opened("first")).toBe(false);
    expect(opened("c0")).toBe(true);
    expect(opened("c4095")).toBe(true);
  });

  it("drops and counts messages for attempts that are not here", () => {
    const { router } = testingRouter();
    router.receive({ deliveries: [{ channel: channelTo("gone"), messages: [message(0), message(1)] }], grants: [] });
    expect(router.droppedMessages).toBe(2);
  });

  it("returns the credits for the sender with its call, and for no one else", () => {
    const { router, peer } = testingRouter();
    const channel = channelTo("c0");
    router.registerInput(new InputChannel({ id: channel, input: 0 }, () => undefined), THERE);
    router.grant(THERE, channel, 7);
    const flush = { deliveries: [{ channel, messages: [message(0)] }], grants: [] };
    expect(router.takeGrantsFor(flush)).toEqual([{ channel, bytes: 7 }]);
    expect(router.takeGrantsFor(flush)).toEqual([]);
    router.flush();
    expect(peer.calls).toEqual([]);
  });

  it("reports a broken link once, and opens a new one at the next use", async () => {
    const { router, peer, broken } = testingRouter();
    router.send(THERE, channelTo("c0"), message(0));
    router.flush();
    router.send(THERE, channelTo("c0"), message(1));
    peer.calls[0]?.settle.reject(new Error("gone"));
    await setImmediate();
    expect(broken.map(({ error }) => error.code)).toEqual(["PARTITION_CONNECTION"]);
    expect(broken[0]?.error.message).toBe("the connection to TaskExecutor there is broken");
    router.flush();
    expect(peer.calls).toHaveLength(1);
    router.send(THERE, channelTo("c0"), message(0));
    router.flush();
    expect(peer.calls).toHaveLength(2);
  });

  it("takes a link that cannot be opened for broken", () => {
    const { router, broken } = testingRouter(() => {
      throw new Error("no such peer");
    });
    router.send(THERE, channelTo("c0"), message(0));
    expect(broken.map(({ peer: name }) => name)).toEqual([THERE]);
  });

  it("reports a message out of order to its consumer", () => {
    const { router, faults } = testingRouter();
    const channel = channelTo("c0");
    router.registerInput(new InputChannel({ id: channel, input: 0 }, () => undefined), THERE);
    router.receive({ deliveries: [{ channel, messages: [message(1)] }], grants: [] });
    expect(faults).toEqual([channel]);
  });
});
