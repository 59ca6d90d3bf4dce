import type { WireValue } from "../../common/wire-value.ts";
import type { RequestEnvelope } from "../envelope/v1.ts";
import type { SenderIdentity } from "../fencing/epoch.ts";
import { columnOf, runOf } from "./session-protocol.ts";
import type { MessageCause, MessageColumns, MessageHead, PackedBatch } from "./session-protocol.ts";

/** A message as a batch takes it. */
export interface BatchItem {
  readonly number: number;
  readonly envelope: RequestEnvelope;
  /** When its remaining time was told. */
  readonly queuedMillis: number;
  /** The arguments as JSON; undefined if they have to be cloned. */
  readonly json: string | undefined;
}

/** Writes the batches of one session: what its messages have in common is told once. */
export class BatchEncoder {
  readonly #positions = new Map<string, number>();
  #newHeads: MessageHead[] = [];
  #last: { readonly head: MessageHead; readonly position: number } | undefined;

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
    for (const { number, envelope, queuedMillis, json } of items) {
      const { prefix, tail } = splitId(envelope.id);
      if (json === undefined) clonedArgs.push([numbers.length, envelope.args]);
      numbers.push(number);
      heads.push(this.#head(envelope, prefix));
      ids.push(tail);
      remainingMillis.push(remainingAt(more.nowMillis, envelope.remainingMillis, queuedMillis));
      if (!isCause(causes.at(-1), envelope)) {
        causes.push({ depth: envelope.depth, chain: envelope.chain, trace: envelope.trace });
      }
      cause.push(causes.length - 1);
      args.push(json ?? "null");
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

  #head(envelope: RequestEnvelope, idPrefix: string): number {
    if (this.#last !== undefined && isHead(this.#last.head, envelope, idPrefix)) return this.#last.position;
    const { version, kind, gateway, gatewayVersion, method, epoch, sender } = envelope;
    const head = { version, kind, gateway, gatewayVersion, method, epoch, sender, idPrefix };
    const key = JSON.stringify(head);
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = this.#positions.size;
      this.#positions.set(key, position);
      this.#newHeads.push(head);
    }
    this.#last = { head, position };
    return position;
  }
}

/** An id as a number behind a prefix; one that ends otherwise is all prefix, with a tail that says so. */
export const NO_TAIL = -1;

const DIGIT_ZERO = 48;
const DIGIT_NINE = 57;
/** More digits than these might not be a safe integer. */
const MAX_TAIL_DIGITS = 15;

function splitId(id: string): { readonly prefix: string; readonly tail: number } {
  let start = id.length;
  let tail = 0;
  let scale = 1;
  while (start > 0 && id.length - start < MAX_TAIL_DIGITS) {
    const code = id.charCodeAt(start - 1);
    if (code < DIGIT_ZERO || code > DIGIT_NINE) break;
    tail += (code - DIGIT_ZERO) * scale;
    scale *= 10;
    start -= 1;
  }
  // Without a leading zero, so that the number alone gives the digits back.
  if (start === id.length || id.charCodeAt(start) === DIGIT_ZERO) return { prefix: id, tail: NO_TAIL };
  return { prefix: id.slice(0, start), tail };
}

/** A message may have waited for its batch, while its caller's patience went on. */
function remainingAt(nowMillis: number, remainingMillis: number | null, queuedMillis: number): number | null {
  return remainingMillis === null ? null : Math.max(0, remainingMillis - Math.max(0, nowMillis - queuedMillis));
}

function isCause(cause: MessageCause | undefined, envelope: RequestEnvelope): boolean {
  if (cause === undefined || cause.depth !== envelope.depth || cause.trace !== envelope.trace) return false;
  if (cause.chain === envelope.chain) return true;
  return cause.chain.length === envelope.chain.length && cause.chain.every((id, index) => id === envelope.chain[index]);
}

function isHead(head: MessageHead, envelope: RequestEnvelope, idPrefix: string): boolean {
  return (
    head.method === envelope.method &&
    head.version === envelope.version &&
    head.kind === envelope.kind &&
    head.gateway === envelope.gateway &&
    head.gatewayVersion === envelope.gatewayVersion &&
    head.epoch === envelope.epoch &&
    head.idPrefix === idPrefix &&
    isSender(head.sender, envelope.sender)
  );
}

function isSender(known: SenderIdentity | null, sender: SenderIdentity | null): boolean {
  if (known === sender) return true;
  if (known === null || sender === null) return false;
  return known.address === sender.address && known.epoch === sender.epoch && known.incarnation === sender.incarnation;
}
