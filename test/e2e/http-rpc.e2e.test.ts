import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { systemIds } from "../../src/common/ids.ts";
import { decodeOutcomes } from "../../src/transport/http/call-frame.ts";
import { encodeFrame, FRAME_MEDIA_TYPE, FrameReader } from "../../src/transport/http/frame.ts";
import { HELD_PROTOCOL } from "../../src/transport/http/held-protocol.ts";
import { HttpRpcService } from "../../src/transport/http/http-rpc-service.ts";
import { describeRpcService } from "../conformance/describe-rpc-service.ts";
import { envelope } from "../conformance/row.ts";
import { ProbeGateway } from "../fixtures/rpc/probe-gateways.ts";
import { RuntimeProcess, RUNTIMES } from "../harness/runtime-process.ts";
import { HTTP_GAPS } from "../transport/http/http-world.ts";

const configPath = fileURLToPath(new URL("../fixtures/http-rpc/wrangler.toml", import.meta.url).href);
const TOKEN = "open sesame";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

const harness = createTestHarness({ workers: [{ configPath }] });
let origin: URL;

beforeAll(async () => {
  origin = new URL((await harness.listen()).url);
});
afterAll(() => harness.close());

describe.each(["requests", "held"] as const)("calls by %s", (connection) => {
  describeRpcService({
    name: "HttpRpcService to a workerd process",
    createWorld: () => ({
      service: new HttpRpcService({ url: new URL("/rpc", origin), token: TOKEN, connection }),
      open: (kind) => `v1/-/test/${kind}/${systemIds.hex()}`,
      elapse: (millis) => sleep(millis),
      crash: async (address) => {
        await fetch(new URL(`/crash?address=${address}`, origin), { method: "POST" });
      },
    }),
    knownGaps: HTTP_GAPS,
  });
});

describe("a held connection to workerd", () => {
  // The platform's client offers compression and cannot be told not to.
  it.each([
    ["compresses if the client offers it", "/rpc", "permessage-deflate"],
    ["does not if the server declines it", "/uncompressed", ""],
  ])("%s, and carries megabytes either way", async (_what, path, extensions) => {
    const socket = new WebSocket(new URL(path, origin.href.replace(/^http/, "ws")).href, HELD_PROTOCOL);
    await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    expect([socket.protocol, socket.extensions?.split(";")[0]]).toEqual([HELD_PROTOCOL, extensions]);
    socket.close();
    const service = new HttpRpcService({ url: new URL(path, origin), token: TOKEN, connection: "held" });
    const bytes = new Uint8Array(5_000_000).fill(9);
    expect(await service.gateway(ProbeGateway, `v1/-/test/probe/${systemIds.hex()}`).echo(bytes)).toEqual(bytes);
    service.close();
  });
});

describe("a held connection to Deno", () => {
  it("is taken with Deno's own way to upgrade", async () => {
    const deno = RUNTIMES.filter(({ name }) => name === "Deno");
    expect(deno).toHaveLength(1);
    for (const runtime of deno) {
      await using process = new RuntimeProcess(runtime, "test/fixtures/http-rpc/held-on-deno.ts", []);
      expect(JSON.parse(await process.finished())).toEqual([1, [2, 4]]);
    }
  });
});

describe("100,000 malformed envelopes", () => {
  it("each get a typed error, none reaches a handler, and the object lives", { timeout: 300_000 }, async () => {
    const service = new HttpRpcService({ url: new URL("/rpc", origin), token: TOKEN });
    const address = `v1/-/test/probe/${systemIds.hex()}`;
    const probe = service.gateway(ProbeGateway, address);
    await probe.add(1);
    // No method is called so: whatever one field becomes, nothing of it may run.
    const base = { ...envelope(address, { method: "vanished" }) };
    const fields = Object.keys(base).filter((field) => field !== "args");
    const values = fc.sample(fc.jsonValue(), { numRuns: 1_000, seed: 20_261_124 });
    let sent = 0;
    while (sent < 100_000) {
      const frames = Array.from({ length: 1_000 }, (_, index) => {
        const field = fields[(sent + index) % fields.length] ?? "id";
        const bad = { ...base, [field]: values[index], [`of batch ${sent}`]: index };
        const { id, seq, remainingMillis, args, ...head } = bad;
        const call = [0, id, seq, remainingMillis, index % 7 === 0 ? values[index] : args];
        return encodeFrame(JSON.stringify({ heads: [head], calls: [call] }), []);
      });
      const response = await fetch(new URL("/rpc", origin), {
        method: "POST",
        headers: { "content-type": FRAME_MEDIA_TYPE, authorization: `Bearer ${TOKEN}` },
        body: new Blob(frames),
      });
      const answers = new FrameReader(10_000_000)
        .push(new Uint8Array(await response.arrayBuffer()))
        .flatMap(decodeOutcomes);
      expect(answers).toHaveLength(frames.length);
      for (const [, outcome] of answers) {
        const code = outcome.kind === "reply" ? outcome.reply.outcome : outcome.error.code;
        expect(code).toMatch(/^(UNKNOWN_MESSAGE|RPC_CONNECTION|HANDSHAKE|SERIALIZATION)$/);
      }
      sent += frames.length;
    }
    expect(await probe.total()).toBe(1);
    expect(await probe.noted()).toEqual([]);
    service.close();
  });
});

const FOUND_EACH_WAY = {
  order: ["one", "two", "three"],
  values: true,
  bytes: true,
  "fast beside slow": [2, 5],
  slow: "slow",
  burst: 505,
  error: "ConflictException already there",
  timeout: expect.stringMatching(/^TimeoutException ask\(Probe\.holdBriefly/),
  "bad argument": expect.stringMatching(/^SerializationException Probe\.echo argument\[0\]\.call/),
  stranger: expect.stringMatching(/^RpcConnectionException authorization/),
  closed: expect.stringMatching(/^RpcConnectionException the RpcService is closed/),
};

const FOUND = { requests: FOUND_EACH_WAY, held: FOUND_EACH_WAY };

describe("one client bundle", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-http-rpc-"));
  const bundle = join(folder, "client.mjs");

  beforeAll(async () => {
    const entryPoint = (name: string): string =>
      fileURLToPath(new URL(`../fixtures/http-rpc/${name}`, import.meta.url).href);
    // For browsers: an import of anything of Node's would fail here.
    const options = { bundle: true, format: "esm", platform: "browser", target: "es2022" } as const;
    await build({ ...options, entryPoints: [entryPoint("http-client.ts")], outfile: bundle });
    writeFileSync(
      join(folder, "run.mjs"),
      `import { runHttpClient } from "./client.mjs";
       const [url, token] = process.argv.slice(2);
       console.log(JSON.stringify(await runHttpClient(url, token)));
       process.exit(0);`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(RUNTIMES)("runs under $name", async (runtime) => {
    await using process = new RuntimeProcess(runtime, join(folder, "run.mjs"), [new URL("/rpc", origin).href, TOKEN]);
    expect(JSON.parse(await process.finished())).toEqual(FOUND);
  });

  const inBrowser = existsSync(CHROMIUM);
  if (!inBrowser) console.warn(`${CHROMIUM} is absent: the client was not run in a browser (set CHROMIUM to run it)`);

  it(`${inBrowser ? "runs in a page of" : "is fit for"} a browser (${inBrowser ? CHROMIUM : "none is here"})`, async () => {
    await put("client.mjs", "text/javascript", readFileSync(bundle, "utf8"));
    await put("page.html", "text/html", PAGE);
    if (!inBrowser) {
      // What can be said without one: the bundle needs nothing of a server's runtime.
      expect(await (await fetch(new URL("/files/client.mjs", origin))).text()).not.toMatch(
        /\bnode:|\bprocess\b|\bBuffer\b/,
      );
      return;
    }
    const profile = mkdtempSync(join(tmpdir(), "sluice-chromium-"));
    const browser = spawn(CHROMIUM, [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${profile}`,
      new URL("/files/page.html", origin).href,
    ]);
    try {
      let response = await fetch(new URL("/files/found.json", origin));
      for (let tries = 0; !response.ok && tries < 300; tries += 1) {
        await response.arrayBuffer();
        await sleep(100);
        response = await fetch(new URL("/files/found.json", origin));
      }
      expect(await response.json()).toEqual(FOUND);
    } finally {
      browser.kill("SIGKILL");
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

const PAGE = `<!doctype html><title>RPC</title><script type="module">
import { runHttpClient } from "/files/client.mjs";
const found = await runHttpClient(new URL("/rpc", location.href).href, "${TOKEN}").catch((error) => ({ failed: String(error) }));
await fetch("/files/found.json", { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(found) });
</script>`;

async function put(name: string, type: string, body: string): Promise<void> {
  await fetch(new URL(`/files/${name}`, origin), { method: "PUT", headers: { "content-type": type }, body });
}
