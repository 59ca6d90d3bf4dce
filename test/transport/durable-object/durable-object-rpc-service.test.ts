import { describe, expect, it } from "vitest";
import { systemIds } from "../../../src/common/ids.ts";
import { silentLogger } from "../../../src/common/log.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { DurableObjectRpcService } from "../../../src/transport/durable-object/durable-object-rpc-service.ts";
import type {
  EndpointNamespace,
  EndpointStub,
} from "../../../src/transport/durable-object/durable-object-rpc-service.ts";
import { fromPlatformError } from "../../../src/transport/durable-object/error-mapping.ts";
import { ProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";

describe("errors of the platform", () => {
  const error = (message: string, flags: object): Error => Object.assign(new Error(message), flags);

  it.each<[string, Error, object]>([
    [
      "a reset object",
      error("aborted", { durableObjectReset: true }),
      { code: "RECIPIENT_UNREACHABLE", retryable: true },
    ],
    [
      "a reset that is also remote",
      error("aborted", { durableObjectReset: true, remote: true }),
      { code: "RECIPIENT_UNREACHABLE", retryable: true },
    ],
    [
      "overload",
      error("too many", { overloaded: true, durableObjectReset: true }),
      { code: "RPC_OVERLOADED", retryable: true },
    ],
    ["a lost connection", error("lost", { retryable: true }), { code: "RPC_CONNECTION", retryable: true }],
    ["a fault of the shell", error("bug", { remote: true }), { code: "RPC", retryable: false }],
    [
      "no properties at all: broken by an earlier reset",
      new Error("no longer running"),
      { code: "RPC_CONNECTION", retryable: true },
    ],
  ])("%s", (_what, thrown, expected) => {
    const mapped = fromPlatformError(thrown, "v1/-/c/probe/x");
    expect(mapped).toMatchObject(expected);
    expect(mapped.message).toContain("v1/-/c/probe/x");
    expect(mapped.cause).toBe(thrown);
  });
});

/** A namespace whose stubs answer when the test says so. */
class RecordedNamespace implements EndpointNamespace {
  readonly opened: string[] = [];
  readonly calls: {
    readonly stub: number;
    readonly envelope: RequestEnvelope;
    readonly reply: PromiseWithResolvers<ReplyEnvelope>;
  }[] = [];

  getByName(name: string): EndpointStub {
    const stub = this.opened.push(name) - 1;
    return {
      rpc: (envelope) => {
        const reply = Promise.withResolvers<ReplyEnvelope>();
        this.calls.push({ stub, envelope, reply });
        return reply.promise;
      },
    };
  }

  jurisdiction(jurisdiction: string): EndpointNamespace {
    return {
      getByName: (name) => this.getByName(`${jurisdiction}:${name}`),
      jurisdiction: (inner) => this.jurisdiction(inner),
    };
  }

  answer(index: number): void {
    const call = this.calls[index];
    call?.reply.resolve({
      version: 1,
      id: call.envelope.id,
      address: call.envelope.endpoint,
      epoch: 1 as Epoch,
      incarnation: 1 as Incarnation,
      outcome: "value",
      value: 0,
    });
  }
}

describe("DurableObjectRpcService", () => {
  const setUp = () => {
    const namespace = new RecordedNamespace();
    const service = new DurableObjectRpcService({
      namespaceOf: (kind) => (kind === "probe" ? namespace : undefined),
      clock: new ManualClock(),
      ids: systemIds,
      log: silentLogger,
    });
    return { namespace, service };
  };
  const address = "v1/-/default/probe/x";

  it("calls that overlap share one stub, in order; one that finds none on its way takes a fresh one", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const first = probe.total();
    const second = probe.total();
    namespace.answer(0);
    await first;
    const third = probe.total();
    expect(namespace.calls.map((call) => call.stub)).toEqual([0, 0, 0]);
    expect(namespace.calls.map((call) => call.envelope.seq)).toEqual([1, 2, 3]);
    namespace.answer(1);
    namespace.answer(2);
    await Promise.all([second, third]);
    void probe.total();
    expect(namespace.calls.at(-1)?.stub).toBe(1);
  });

  it("a call that failed is never sent again; the next call does not use its stub", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const failing = probe.add(1);
    const other = probe.add(2);
    namespace.calls[0]?.reply.reject(Object.assign(new Error("reset"), { durableObjectReset: true }));
    await expect(failing).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE" });
    void probe.add(3);
    expect(namespace.calls.map((call) => [call.stub, call.envelope.args[0]])).toEqual([
      [0, 1],
      [0, 2],
      [1, 3],
    ]);
    // The late answer of the old stub does not disturb the new one's count.
    namespace.answer(1);
    expect(await other).toBe(0);
    void probe.add(4);
    expect(namespace.calls.at(-1)?.stub).toBe(1);
  });

  it("an answer that is no reply fails the call", async () => {
    const { namespace, service } = setUp();
    const total = service.gateway(ProbeGateway, address).total();
    namespace.calls[0]?.reply.resolve({ version: 9 } as unknown as ReplyEnvelope);
    await expect(total).rejects.toMatchObject({ code: "UNKNOWN_MESSAGE" });
  });

  it("a reply of a superseded instance is refused, and its call is not sent again", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const reply = (index: number, incarnation: number): void => {
      const { envelope, reply: answer } = namespace.calls[index]!;
      answer.resolve({
        version: 1,
        id: envelope.id,
        address,
        epoch: 1 as Epoch,
        incarnation: incarnation as Incarnation,
        outcome: "value",
        value: incarnation,
      });
    };
    const [newer, older] = [probe.total(), probe.total()];
    reply(0, 5);
    reply(1, 4);
    expect(await newer).toBe(5);
    await expect(older).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(namespace.calls.length).toBe(2);
  });

  it("a name of kind and id is enough where there are no clusters", () => {
    const { namespace, service } = setUp();
    void service.gateway(ProbeGateway, "probe/x").total();
    expect(namespace.opened).toEqual(["probe/x"]);
  });

  it.each(["x", "nobody/x", "probe/", "v1/-/default/nobody/x", "v2/-/default/probe/x", "v1/-/default/probe/"])(
    "%s is no address",
    async (unknown) => {
      await expect(setUp().service.connect(ProbeGateway, unknown)).rejects.toMatchObject({ code: "RPC_CONNECTION" });
    },
  );

  it("the jurisdiction of an address restricts its namespace", () => {
    const { namespace, service } = setUp();
    void service.gateway(ProbeGateway, "v1/eu/default/probe/x").total();
    expect(namespace.opened).toEqual(["eu:v1/eu/default/probe/x"]);
  });

  it("a tell whose transport fails is a dead letter", async () => {
    const { namespace, service } = setUp();
    service.gateway(ProbeGateway, address).note("x");
    namespace.calls[0]?.reply.reject(new Error("gone"));
    await new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(() => queueMicrotask(resolve))));
    expect(service.deadLetters.latest()).toMatchObject([
      { reason: "unreachable", message: `tell(Probe.note(string)) to ${address}` },
    ]);
  });
});
