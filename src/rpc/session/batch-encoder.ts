import type { WireValue } from "../../common/wire-value.ts";
import type { MessageHead, OutgoingMessage } from "../ports/rpc-channel.ts";
import { columnOf, runOf } from "./session-protocol.ts";
import type { MessageCause, MessageColumns, PackedBatch, PackedMessage } from "./session-protocol.ts";

/** A message as a batch takes it. */
export type BatchItem = Pick<
  OutgoingMessage,
  "number" | "head" | "idNumber" | "args" | "deadlineMillis" | "depth" | "chain" | "trace"
>;

/** Writes the batches of one session: what its messages have in common is told once. */
export class BatchEncoder {
  // Weakly: heads of what a border forwards are new with every message.
  readonly #positions = new WeakMap<MessageHead, number>();
  // By what they say: another head may say the same.
  readonly #known = new Map<string, number>();
  #newHeads: MessageHead[] = [];

  encode(
    items: readonly BatchItem[],
    more: {
      readonly nowMillis: number;
      readonly received: readonly number[];
      readonly onlyIn?: MessageColumns["onlyIn"];
    },
  ): PackedBatch {
    const numbers: number[] = [];
    const heads: number[] = [];
    const ids: number[] = [];
    const remainingMillis: (number | null)[] = [];
    const causes: MessageCause[] = [];
    const cause: number[] = [];
    const args: string[] = [];
    const clonedArgs: [number, readonly WireValue[]][] = [];
    let lastHead: MessageHead | undefined;
    let headPosition = 0;
    let lastCause: MessageCause | undefined;
    for (const item of items) {
      const { head, deadlineMillis } = item;
      if (head !== lastHead) {
        lastHead = head;
        headPosition = this.#position(head);
      }
      if (!isCause(lastCause, item)) {
        lastCause = { depth: item.depth, chain: item.chain, trace: item.trace };
        causes.push(lastCause);
      }
      if (typeof item.args === "string") args.push(item.args);
      else {
        clonedArgs.push([numbers.length, item.args.values]);
        args.push("null");
      }
      numbers.push(item.number);
      heads.push(headPosition);
      ids.push(item.idNumber);
      // A message may have waited for its batch, while its caller's patience went on.
      remainingMillis.push(deadlineMillis === undefined ? null : Math.max(0, deadlineMillis - more.nowMillis));
      cause.push(causes.length - 1);
    }
    const newHeads = this.#newHeads;
    this.#newHeads = [];
    const columns = [
      items.length,
      runOf(numbers),
      more.received,
      newHeads,
      columnOf(heads),
      runOf(ids),
      columnOf(remainingMillis),
      causes,
      columnOf(cause),
      ...(more.onlyIn === undefined ? [] : [more.onlyIn]),
    ];
    const packed = [JSON.stringify(columns), `[${args.join(",")}]`] as const;
    return clonedArgs.length === 0 ? packed : [...packed, clonedArgs];
  }

  /** The only message of a batch, if it says nothing new; else undefined. */
  encodeMessage(
    { number, head, idNumber, args, deadlineMillis, depth, chain, trace }: BatchItem,
    more: { readonly nowMillis: number; readonly received: readonly number[] },
  ): PackedMessage | undefined {
    const position = this.#positions.get(head);
    if (position === undefined || typeof args !== "string") return undefined;
    if (chain.length > 0 || trace !== null || more.received.length > 1) return undefined;
    const remaining = deadlineMillis === undefined ? "null" : Math.max(0, deadlineMillis - more.nowMillis);
    return `[${number},${position},${idNumber},${remaining},${depth},${more.received[0] ?? "null"},${args}]`;
  }

  #position(head: MessageHead): number {
    const known = this.#positions.get(head);
    if (known !== undefined) return known;
    const key = JSON.stringify(head);
    let position = this.#known.get(key);
    if (position === undefined) {
      position = this.#known.size;
      this.#known.set(key, position);
      this.#newHeads.push(head);
    }
    this.#positions.set(head, position);
    return position;
  }
}

function isCause(cause: MessageCause | undefined, { depth, chain, trace }: BatchItem): boolean {
  if (cause === undefined || cause.depth !== depth || cause.trace !== trace) return false;
  if (cause.chain === chain) return true;
  return cause.chain.length === chain.length && cause.chain.every((id, index) => id === chain[index]);
}
