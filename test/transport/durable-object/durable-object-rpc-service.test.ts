import { describe, expect, it } from "vitest";
import { systemIds } from "../../../src/common/ids.ts";
import { silentLogger } from "../../../src/common/log.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import type { PackedBatch, PackedMessage } from "../../../src/rpc/session/session-protocol.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { DurableObjectRpcService } from "../../../src/transport/durable-object/durable-object-rpc-service.ts";
import type { EndpointNamespace, EndpointStub } from "../../../src/transport/durable-object/endpoint-stub.ts";
import { fromPlatformError } from "../../../src/transport/durable-object/error-mapping.ts";
import { columnsOf } from "../../rpc/session/session-world.ts";
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

/** As JSON, of each of a batch's messages. */
function argumentsOf(batch: PackedBatch | PackedMessage): string {
  return typeof batch === "string" ? JSON.stringify([(JSON.parse(batch) as unknown[]).at(-1)]) : batch[1];
}

/** A namespace whose stubs answer when the test says so. */
class RecordedNamespace implements EndpointNamespace {
  readonly opened: string[] = [];
  /** By their sessions' stubs; and by the answers that held them, with all that is in these. */
  readonly disposed: number[] = [];
  readonly letGo: number[] = [];
  readonly calls: {
    readonly stub: number;
    readonly batch: PackedBatch | PackedMessage;
    readonly answer: PromiseWithResolvers<unknown>;
  }[] = [];

  getByName(name: string): EndpointStub {
    const stub = this.opened.push(name) - 1;
    return { openSession: ({ batch }) => this.#call(stub, batch) };
  }

  jurisdiction(jurisdiction: string): EndpointNamespace {
    return {
      getByName: (name) => this.getByName(`${jurisdiction}:${name}`),
      jurisdiction: (inner) => this.jurisdiction(inner),
    };
  }

  /** Answers all of a call's messages with `value`. */
  async answer(index: number, value: number, incarnation = 1): Promise<void> {
    const { stub, batch: sent, answer } = this.calls[index]!;
    const columns = [index + 1, null, [1], [incarnation], []];
    const values = Array.from({ length: columnsOf(sent).count }, () => value);
    const frame = [JSON.stringify(columns), JSON.stringify(values)];
    const session = {
      replies: () => Promise.resolve(),
      [Symbol.dispose]: () => void this.disposed.push(stub),
    };
    const batch = (next: PackedBatch | PackedMessage): Promise<unknown> => this.#call(stub, next);
    const opened = { session, batch, instance: "i", frame, [Symbol.dispose]: () => void this.letGo.push(stub) };
    answer.resolve(this.calls.findIndex((call) => call.stub === stub) === index ? opened : frame);
    await settle();
  }

  async fail(index: number, error: unknown): Promise<void> {
    this.calls[index]?.answer.reject(error);
    await settle();
  }

  #call(stub: number, batch: PackedBatch | PackedMessage): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    this.calls.push({ stub, batch, answer });
    return answer.promise;
  }
}

async function settle(): Promise<void> {
  for (let microtask = 0; microtask < 16; microtask += 1) await Promise.resolve();
}

describe("DurableObjectRpcService", () => {
  const setUp = () => {
    const namespace = new RecordedNamespace();
    const clock = new ManualClock();
    const service = new DurableObjectRpcService({
      namespaceOf: (kind) => (kind === "probe" ? namespace : undefined),
      clock,
      ids: systemIds,
      log: silentLogger,
    });
    return { namespace, clock, service };
  };
  const address = "v1/-/default/probe/x";

  it("calls share a session; each session has a fresh stub, and is let go when its lease ends", async () => {
    const { namespace, clock, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const first = probe.total();
    await settle();
    const second = probe.total();
    await settle();
    expect(namespace.calls.length).toBe(1);
    await namespace.answer(0, 5);
    await namespace.answer(1, 6);
    expect([await first, await second]).toEqual([5, 6]);
    await clock.advance(5_000);
    expect([namespace.disposed, namespace.letGo]).toEqual([[0], [0]]);
    void probe.total();
    await settle();
    expect(namespace.calls.map(({ stub }) => stub)).toEqual([0, 0, 1]);
  });

  it("a call that was lost with its object is not sent again; the next call finds the next one", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const failing = probe.add(1);
    await settle();
    await namespace.fail(0, Object.assign(new Error("reset"), { durableObjectReset: true }));
    await expect(failing).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE" });
    void probe.add(3);
    await settle();
    expect(namespace.calls.map(({ stub, batch }) => [stub, batch[1]])).toEqual([
      [0, "[[1]]"],
      [1, "[[3]]"],
    ]);
  });

  it("a call on a session whose object was reset before it is sent again", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    void probe.add(1);
    await settle();
    await namespace.answer(0, 1);
    const second = probe.add(2);
    await settle();
    await namespace.fail(1, new Error("The execution context which hosts this callback is no longer running."));
    expect(namespace.letGo).toEqual([0]);
    await namespace.answer(2, 2);
    expect(await second).toBe(2);
    expect(namespace.calls.map(({ stub, batch }) => [stub, argumentsOf(batch), columnsOf(batch).onlyIn])).toEqual([
      [0, "[[1]]", undefined],
      [0, "[[2]]", undefined],
      [1, "[[2]]", undefined],
    ]);
  });

  it("a call on a connection that broke is sent again for the object that may have run it, and no other", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    void probe.add(1);
    await settle();
    await namespace.answer(0, 1);
    void probe.add(2);
    await settle();
    await namespace.fail(1, new Error("Network connection lost."));
    expect(columnsOf(namespace.calls[2]!.batch).onlyIn).toEqual({ instance: "i", numbers: [2] });
  });

  it.each([
    ["overload", Object.assign(new Error("full"), { overloaded: true }), "RPC_OVERLOADED"],
    ["a fault of the shell", Object.assign(new Error("bug"), { remote: true }), "RPC"],
  ])("%s is not answered by sending again", async (_what, error, code) => {
    const { namespace, service } = setUp();
    const total = service.gateway(ProbeGateway, address).total();
    await settle();
    await namespace.fail(0, error);
    await expect(total).rejects.toMatchObject({ code });
    expect(namespace.calls.length).toBe(1);
  });

  const [session, batch, frame] = [{ replies: () => undefined }, () => undefined, ["[1,null,[1],[1],[]]", "[5]"]];
  it.each([
    ["no session", { batch, instance: "i", frame }, "to the opening of a session"],
    ["no function for batches", { session, instance: "i", frame }, "to the opening of a session"],
    ["no instance", { session, batch, frame }, "to the opening of a session"],
    ["no frame", { session, batch, instance: "i", frame: ["{}", "[]"] }, "malformed reply frame"],
  ])("an answer with %s fails the call, and whatever it holds is let go", async (_what, answer, why) => {
    const { namespace, service } = setUp();
    const total = service.gateway(ProbeGateway, address).total();
    await settle();
    let disposed = 0;
    namespace.calls[0]?.answer.resolve({ ...answer, [Symbol.dispose]: () => (disposed += 1) });
    await expect(total).rejects.toMatchObject({ code: "UNKNOWN_MESSAGE", message: expect.stringContaining(why) });
    expect(disposed).toBe(1);
  });

  it("a reply of a superseded instance is refused, and its call is not sent again", async () => {
    const { namespace, service } = setUp();
    const probe = service.gateway(ProbeGateway, address);
    const newer = probe.total();
    await settle();
    await namespace.answer(0, 5, 5);
    const older = probe.total();
    await settle();
    void namespace.answer(1, 4, 4);
    expect(await newer).toBe(5);
    await expect(older).rejects.toMatchObject({ code: "RECIPIENT_UNREACHABLE", retryable: true });
    expect(namespace.calls.length).toBe(2);
  });

  it("what an endpoint sends to itself stays in its object, and is not handled on its stack", async () => {
    const namespace = new RecordedNamespace();
    let received = 0;
    const service = new DurableObjectRpcService({
      namespaceOf: () => namespace,
      clock: new ManualClock(),
      ids: systemIds,
      log: silentLogger,
      own: {
        address,
        receive: ({ id }) => {
          received += 1;
          const identity = { epoch: 1 as Epoch, incarnation: 1 as Incarnation };
          return Promise.resolve({ version: 1, id, address, ...identity, outcome: "value", value: 7 });
        },
      },
    });
    const total = service.gateway(ProbeGateway, address).total();
    expect(received).toBe(0);
    expect(await total).toBe(7);
    expect(namespace.opened).toEqual([]);
  });

  it("a name of kind and id is enough where there are no clusters", async () => {
    const { namespace, service } = setUp();
    void service.gateway(ProbeGateway, "probe/x").total();
    await settle();
    expect(namespace.opened).toEqual(["probe/x"]);
  });

  it.each(["x", "nobody/x", "probe/", "v1/-/default/nobody/x", "v2/-/default/probe/x", "v1/-/default/probe/"])(
    "%s is no address",
    async (unknown) => {
      await expect(setUp().service.connect(ProbeGateway, unknown)).rejects.toMatchObject({ code: "RPC_CONNECTION" });
    },
  );

  it("the jurisdiction of an address restricts its namespace", async () => {
    const { namespace, service } = setUp();
    void service.gateway(ProbeGateway, "v1/eu/default/probe/x").total();
    await settle();
    expect(namespace.opened).toEqual(["eu:v1/eu/default/probe/x"]);
  });

  it("a tell whose transport fails is a dead letter", async () => {
    const { namespace, service } = setUp();
    service.gateway(ProbeGateway, address).note("x");
    await settle();
    await namespace.fail(0, Object.assign(new Error("gone"), { durableObjectReset: true }));
    expect(service.deadLetters.latest()).toMatchObject([
      { reason: "unreachable", message: `tell(Probe.note(string)) to ${address}` },
    ]);
  });
});
