import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { MessageCalls } from "../../../src/entrypoint/standalone/sandbox/message-calls.ts";

interface Calculator {
  add(left: number, right: number): Promise<number>;
  fail(): Promise<never>;
  never(): Promise<never>;
}
const METHODS: readonly (keyof Calculator)[] = ["add", "fail", "never"];

/** Two sides, each of which receives a copy of what the other one sends. */
const connected = () => {
  const handlers = {
    add: (left: number, right: number) => left + right,
    fail: () => {
      throw new SluiceException("USER_CODE", "it is the user's");
    },
    never: () => new Promise(() => undefined),
  };
  const sent: unknown[] = [];
  const deliver = (to: () => MessageCalls) => (message: unknown) => {
    sent.push(message);
    queueMicrotask(() => to().receive(structuredClone(message)));
  };
  const server: MessageCalls = new MessageCalls(
    deliver(() => client),
    handlers,
  );
  const client: MessageCalls = new MessageCalls(
    deliver(() => server),
    {},
  );
  return { server, client, remote: client.remote<Calculator>(METHODS), sent };
};

describe("calls by messages", () => {
  it("answer each call with its own result, errors with their codes", async () => {
    const { remote } = connected();
    expect(await Promise.all([remote.add(1, 2), remote.add(3, 4)])).toEqual([3, 7]);
    await expect(remote.fail()).rejects.toMatchObject({ code: "USER_CODE", message: "it is the user's" });
  });

  it("reach the handlers and nothing else", async () => {
    const names = ["constructor", "toString", "__proto__", "nobody"];
    const remote = connected().client.remote<Record<string, () => Promise<unknown>>>(names);
    for (const name of names) await expect(remote[name]?.(), name).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("drop what is no message", async () => {
    const { server, client, remote, sent } = connected();
    for (const nonsense of [undefined, null, 7, "call", {}, { kind: "call" }, { kind: "value", id: 99 }, { id: 1 }]) {
      server.receive(nonsense);
      client.receive(nonsense);
    }
    expect(sent).toEqual([]);
    expect(await remote.add(1, 1)).toBe(2);
  });

  it("fail when the other side is gone, those under way and later ones", async () => {
    const { client, remote } = connected();
    const open = remote.never();
    client.end(new SluiceException("UNAVAILABLE", "gone"));
    await expect(open).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(remote.add(1, 1)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
