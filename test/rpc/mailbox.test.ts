import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_MAILBOX_BOUNDS, Mailbox } from "../../src/rpc/mailbox.ts";
import type { MailboxItem } from "../../src/rpc/mailbox.ts";

interface Item extends MailboxItem {
  readonly id: number;
}
const message = (id: number, bytes = 1, control = false): Item => ({ id, origin: "message", control, bytes });
const internal = (id: number): Item => ({ id, origin: "internal", control: false, bytes: 0 });
const all = (): boolean => true;

describe("Mailbox", () => {
  it("has the bounds of the contract by default: 4,096 messages and 16 MiB", () => {
    expect(DEFAULT_MAILBOX_BOUNDS).toEqual({ maxMessages: 4_096, maxBytes: 16_777_216 });
    const mailbox = new Mailbox<Item>();
    for (let id = 0; id < 4_096; id += 1) expect(mailbox.offer(message(id))).toBe(true);
    expect(mailbox.offer(message(4_096))).toBe(false);
    expect(mailbox.take(all)?.id).toBe(0);
    expect(mailbox.offer(message(4_096))).toBe(true);
  });

  it("is bounded in bytes, but takes one message of any size when empty", () => {
    const mailbox = new Mailbox<Item>({ maxMessages: 10, maxBytes: 100 });
    expect(mailbox.offer(message(1, 500))).toBe(true);
    expect(mailbox.offer(message(2, 1))).toBe(false);
    mailbox.take(all);
    expect(mailbox.offer(message(3, 60))).toBe(true);
    expect(mailbox.offer(message(4, 41))).toBe(false);
    expect(mailbox.offer(message(5, 40))).toBe(true);
  });

  it("lets control messages and the endpoint's own work pass the bounds, never the order", () => {
    const mailbox = new Mailbox<Item>({ maxMessages: 1, maxBytes: 100 });
    mailbox.offer(message(1));
    expect(mailbox.offer(message(2))).toBe(false);
    expect(mailbox.offer(message(3, 1, true))).toBe(true);
    expect(mailbox.offer(internal(4))).toBe(true);
    expect(mailbox.drain().map((item) => item.id)).toEqual([1, 3, 4]);
    expect(mailbox.messages).toBe(0);
    expect(mailbox.bytes).toBe(0);
  });

  it("behaves as a list from which the first eligible item is taken", () => {
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.constant("offer" as const) },
      { weight: 2, arbitrary: fc.constant("take" as const) },
      { weight: 1, arbitrary: fc.constant("take even" as const) },
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 2_500, size: "max" }), (commands) => {
        const mailbox = new Mailbox<Item>();
        const model: number[] = [];
        let next = 0;
        for (const step of commands) {
          if (step === "offer") {
            mailbox.offer(message(next));
            model.push(next);
            next += 1;
          } else {
            const eligible = (id: number): boolean => step === "take" || id % 2 === 0;
            const index = model.findIndex(eligible);
            const expected = index < 0 ? undefined : model.splice(index, 1)[0];
            expect(mailbox.take((item) => eligible(item.id))?.id).toBe(expected);
          }
        }
        expect(mailbox.messages).toBe(model.length);
        expect(mailbox.drain().map((item) => item.id)).toEqual(model);
      }),
      { numRuns: 10, seed: 7 },
    );
  });
});
