import { describe, expect, it } from "vitest";
import { RpcEndpoint } from "../../../src/rpc/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { ProbeGateway } from "../../fixtures/rpc/probe-gateways.ts";

class Idle extends RpcEndpoint {}

describe("LocalRpcService", () => {
  it("stops an unknown or stopped endpoint without effect (V7)", async () => {
    const service = new LocalRpcService({ clock: new ManualClock() });
    await service.stopServer("nobody");
    const server = service.startServer("idle", { gateways: [], factory: (context) => new Idle(context) });
    for (let time = 0; time < 2; time += 1) await service.stopServer("idle");
    await service.closeAsync();
    await service.stopServer("idle");
    expect(server.state).toBe("terminated");
  });

  it("gives up a handshake without an answer after the service's timeout (O9)", async () => {
    const clock = new ManualClock();
    const service = new LocalRpcService({ clock, intercept: () => "lose-request" });
    const outcomes = Promise.allSettled([service.connect(ProbeGateway, "anywhere")]);
    await clock.advance(service.defaultTimeout - 1);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await outcomes).toMatchObject([{ status: "rejected", reason: { code: "TIMEOUT" } }]);
  });
});
