import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SluiceException } from "../../src/rpc/index.ts";
import { HttpRpcService } from "../../src/transport/http/http-rpc-service.ts";
import { ROWS } from "../conformance/suite.ts";
import type { RowResult } from "../conformance/suite.ts";
import { ProbeGateway, QueueProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import { RuntimeProcess, RUNTIMES } from "../harness/runtime-process.ts";
import type { Runtime } from "../harness/runtime-process.ts";

describe.each(RUNTIMES)("RPC contract on a standalone host under $name", (runtime) => {
  let results: readonly RowResult[] = [];

  beforeAll(async () => {
    await using rows = new RuntimeProcess(runtime, "test/fixtures/standalone/run-rows.ts", []);
    // The fixture's own JSON.
    results = JSON.parse(await rows.finished()) as readonly RowResult[];
  });

  it.each(ROWS.filter((row) => row.tag === "calling").map((row) => [row.id, row.title]))("%s %s", (id) => {
    const result = results.find((candidate) => candidate.id === id);
    if (runtime.name === "Bun" && id === "O6" && result?.ok === false) {
      // JavaScriptCore keeps no frames of tail calls, which the row's caller makes.
      expect(result.error).toMatch(/theCallersFunction/);
    } else {
      expect(result).toMatchObject({ id, ok: true });
    }
  });
});

describe.each(RUNTIMES)("a standalone host under $name", (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-standalone-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("loses nothing that it acknowledged, and doubles nothing, when it is killed", async () => {
    const address = "v1/-/test/probe/counter";
    let acknowledged = 0;
    let sent = 0;
    for (let round = 0; round < 3; round += 1) {
      await using host = await Host.start(runtime, folder);
      const probe = host.service.gateway(ProbeGateway, address);
      const before = await probe.total();
      expect(before).toBeGreaterThanOrEqual(acknowledged);
      expect(before).toBeLessThanOrEqual(sent);
      // From now on what is in doubt is known.
      acknowledged = sent = before;
      const killed = Promise.withResolvers<void>();
      const callers = Array.from({ length: 8 }, async () => {
        for (;;) {
          sent += 1;
          try {
            await probe.add(1);
          } catch (error) {
            expect(SluiceException.is(error)).toBe(true);
            return;
          }
          acknowledged += 1;
          if (acknowledged >= before + 200) killed.resolve();
        }
      });
      await killed.promise;
      await host.kill();
      await Promise.all(callers);
    }
    await using host = await Host.start(runtime, folder);
    const total = await host.service.gateway(ProbeGateway, address).total();
    expect(total).toBeGreaterThanOrEqual(acknowledged);
    expect(total).toBeLessThanOrEqual(sent);
    expect(await host.service.gateway(ProbeGateway, address).whoAreYou()).toMatchObject({
      incarnation: 4,
      reason: "recovered",
    });
  });

  it("wakes an object whose timer is due, though nobody calls it after the restart", async () => {
    const address = "v1/-/test/probe/sleeper";
    await using first = await Host.start(runtime, folder);
    await first.service.gateway(QueueProbeGateway, address).setTimer("due", 300, 0);
    await first.kill();
    await using second = await Host.start(runtime, folder);
    await sleep(1_500);
    // The first life that a call would begin is the third: the second was the timer's.
    expect(await second.service.gateway(ProbeGateway, address).whoAreYou()).toMatchObject({ incarnation: 2 });
    expect(await second.service.gateway(QueueProbeGateway, address).timersRun()).toEqual(["due"]);
  });

  it("streams bodies through, both ways", async () => {
    await using host = await Host.start(runtime, folder);
    const body = new Uint8Array(3_000_000).map((_, index) => index % 251);
    const response = await fetch(new URL("/echo", host.url), { method: "POST", body });
    expect(response.headers.get("x-method")).toBe("POST");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
  });

  it("shares its folder with nobody", async () => {
    await using host = await Host.start(runtime, folder);
    await using other = new RuntimeProcess(runtime, "test/fixtures/standalone/serve-probes.ts", [folder]);
    await expect(other.finished()).rejects.toThrow(/another process uses this data folder/);
    expect(host.url).toMatch(/^http/);
  });
});

/** A process that serves probes. `await using` kills it. */
class Host implements AsyncDisposable {
  readonly url: string;
  readonly service: HttpRpcService;
  readonly #process: RuntimeProcess;

  private constructor(process: RuntimeProcess, url: string) {
    this.#process = process;
    this.url = url;
    this.service = new HttpRpcService({ url: new URL("/rpc", url) });
  }

  static async start(runtime: Runtime, folder: string): Promise<Host> {
    const process = new RuntimeProcess(runtime, "test/fixtures/standalone/serve-probes.ts", [folder]);
    return new Host(process, await process.printed(/http:\S+/));
  }

  async kill(): Promise<void> {
    await this.#process.kill();
    this.service.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
