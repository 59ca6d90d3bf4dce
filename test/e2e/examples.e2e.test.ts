import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import type { Lease, Run } from "../../examples/leader-cron/leader-cron.ts";
import { until } from "../harness/platform.ts";

/** The worker of an example, in a workerd process of its own. */
async function startExample(name: string, vars: Readonly<Record<string, number>> = {}) {
  const configPath = fileURLToPath(new URL(`../../examples/${name}/wrangler.toml`, import.meta.url).href);
  const harness = createTestHarness({ workers: [{ configPath, vars }] });
  const { url } = await harness.listen();
  return { url, [Symbol.asyncDispose]: () => harness.close() };
}

/** A WebSocket whose messages are waited for one by one. */
class Listener implements Disposable {
  readonly #socket: WebSocket;
  readonly #heard: unknown[] = [];
  #wake: () => void = () => undefined;

  constructor(url: URL) {
    this.#socket = new WebSocket(url.href);
    this.#socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.#heard.push(JSON.parse(data));
      this.#wake();
    });
  }

  async opened(): Promise<this> {
    await new Promise((resolve) => this.#socket.addEventListener("open", resolve));
    return this;
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  async hear(count: number): Promise<readonly unknown[]> {
    while (this.#heard.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#heard.splice(0, count);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

describe("examples/chat-room", () => {
  it("everyone hears everything once and in one order, late comers the history first", async () => {
    await using example = await startExample("chat-room");
    const join = (name: string, after = 0): Promise<Listener> => {
      const url = new URL(`/rooms/kitchen?name=${name}&after=${after}`, example.url);
      url.protocol = "ws:";
      return new Listener(url).opened();
    };
    const said = (id: number, author: string, text: string): object => ({ id, author, text, at: expect.any(Number) });
    using ada = await join("ada");
    using bob = await join("bob");

    ada.say("hello");
    const hello = said(1, "ada", "hello");
    expect([await ada.hear(1), await bob.hear(1)]).toEqual([[hello], [hello]]);
    bob.say("hi");
    const hi = said(2, "bob", "hi");
    expect([await ada.hear(1), await bob.hear(1)]).toEqual([[hi], [hi]]);

    using late = await join("late");
    expect(await late.hear(2)).toEqual([hello, hi]);
    using back = await join("back", 1);
    expect(await back.hear(1)).toEqual([hi]);

    // A refusal is heard by nobody else, and takes no number.
    ada.say("");
    expect(await ada.hear(1)).toEqual([{ error: expect.stringContaining("ChatRoom.say") }]);
    for (let index = 0; index < 20; index++) (index % 2 === 0 ? ada : bob).say(`message ${index}`);
    const heard = await Promise.all([ada, bob, late, back].map((listener) => listener.hear(20)));
    expect(heard[0]).toHaveLength(20);
    expect(heard[0]).toMatchObject(Array.from({ length: 20 }, (_, index) => ({ id: index + 3 })));
    for (const other of heard.slice(1)) expect(other).toEqual(heard[0]);
  });

  it("shows a page to chat with, and tells others what it speaks", async () => {
    await using example = await startExample("chat-room");
    expect(await (await fetch(example.url)).text()).toContain("<title>Chat room</title>");
    expect((await fetch(new URL("/rooms/kitchen", example.url))).status).toBe(426);
  });
});

describe("examples/rate-limiter", () => {
  it("lets through what the bucket holds, client by client", async () => {
    await using example = await startExample("rate-limiter", { CAPACITY: 20, TOKENS_PER_SECOND: 0.001 });
    const ask = (client: string): Promise<Response> => fetch(example.url, { headers: { "x-api-key": client } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask("ada")));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(10);
    for (const { headers } of refused) expect(Number(headers.get("retry-after"))).toBeGreaterThan(900);
    const other = await ask("bob/../ada");
    expect([other.status, other.headers.get("ratelimit-remaining")]).toEqual([200, "19"]);
  });
});

describe("examples/leader-cron", () => {
  it("does every run once; when the leader goes, another one leads", async () => {
    await using example = await startExample("leader-cron");
    const get = async <T>(path: string): Promise<T> => (await fetch(new URL(path, example.url))).json() as Promise<T>;
    const post = (path: string): Promise<Response> => fetch(new URL(path, example.url), { method: "POST" });
    const candidates = ["a", "b", "c"];
    const runs = async (): Promise<Run[]> => (await Promise.all(candidates.map((id) => get<Run[]>(`/${id}`)))).flat();

    for (const id of candidates) await post(`/${id}/start`);
    await until(runs, (done) => done.length >= 2, "runs of the first leader");
    const first = await get<Lease>("/");
    expect(first.term).toBe(1);
    await post(`/${first.leader.replace("candidate/", "")}/stop`);
    await until(runs, (done) => done.some(({ term }) => term === 2), "a run of the second leader");

    expect((await get<Lease>("/")).leader).not.toBe(first.leader);
    const done = (await runs()).toSorted((left, right) => left.due - right.due);
    expect(new Set(done.map(({ due }) => due)).size).toBe(done.length);
    expect(done.map(({ term }) => term)).toEqual(done.map(({ term }) => term).toSorted((left, right) => left - right));
  });
});
