import { describe, expect, it } from "vitest";
import { ACKNOWLEDGE } from "../../src/common/acknowledge.ts";
import type { Acknowledge } from "../../src/common/acknowledge.ts";
import { ask, defineGateway, tell } from "../../src/rpc/gateway-descriptor.ts";
import { testingGateway } from "../../src/testing/testing-gateway.ts";
import type { TestingCall } from "../../src/testing/testing-gateway.ts";

const LampGateway = defineGateway("Lamp", {
  version: 1,
  turns: "sync",
  fenced: true,
  methods: {
    light: ask<(watts: number) => Acknowledge>(),
    brightness: ask<() => number>({ readOnly: true }),
    flicker: tell<() => undefined>(),
  },
});

describe("a testing gateway", () => {
  it("acknowledges commands, rejects queries, takes tells", async () => {
    const lamp = testingGateway(LampGateway);
    expect(await lamp.light(40)).toBe(ACKNOWLEDGE);
    await expect(lamp.brightness()).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATION",
      message: "Lamp.brightness",
    });
    expect(lamp.flicker()).toBeUndefined();
    expect(lamp.getFencingToken()).toBe(1);
  });

  it("does what it is told to, and tells of every call", async () => {
    const calls: TestingCall[] = [];
    const lamp = testingGateway(LampGateway, {
      overrides: { brightness: async () => 7 },
      onCall: (call) => calls.push(call),
    });
    expect(await lamp.brightness()).toBe(7);
    await lamp.light(60);
    expect(calls).toEqual([
      { method: "brightness", args: [] },
      { method: "light", args: [60] },
    ]);
  });
});
