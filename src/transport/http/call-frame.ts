import { fromUnknown, isErrorData } from "../../common/exceptions.ts";
import type { ErrorData, SluiceException } from "../../common/exceptions.ts";
import { copyWireValue } from "../../common/wire-value.ts";
import { ENVELOPE_VERSION, parseReplyEnvelope, parseRequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { UnknownMessageException } from "../../rpc/exceptions.ts";
import { AttachmentReader, decodeFrame, encodeFrame } from "./frame.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";
import type { EncodedValue } from "./value-codec.ts";

/** What a head of calls says by saying nothing. */
const UNSAID = {
  version: ENVELOPE_VERSION,
  epoch: null,
  sender: null,
  depth: 1,
  chain: [],
  trace: null,
  attachments: [],
} as const;

/** Calls as one frame: what many have in common is told once. */
export class CallFrameEncoder {
  readonly #heads: string[] = [];
  readonly #calls: string[] = [];
  readonly #attachments: Uint8Array[] = [];
  #last: RequestEnvelope | undefined;
  #length = 0;

  get calls(): number {
    return this.#calls.length;
  }

  /** Characters and bytes so far. */
  get length(): number {
    return this.#length;
  }

  add(envelope: RequestEnvelope, remainingMillis: number | null): void {
    if (this.#last === undefined || !isOfOneHead(this.#last, envelope)) this.#heads.push(headOf(envelope));
    this.#last = envelope;
    const { json, meta, attachments } = encodeValue(envelope.args);
    const call: unknown[] = [this.#heads.length - 1, envelope.id, envelope.seq, remainingMillis, json];
    if (meta !== undefined) call.push(meta, lengthsOf(attachments));
    const text = JSON.stringify(call);
    this.#calls.push(text);
    this.#attachments.push(...attachments);
    this.#length += attachments.reduce((sum, bytes) => sum + bytes.byteLength, text.length);
  }

  frame(): Uint8Array<ArrayBuffer> {
    return encodeFrame(`{"heads":[${this.#heads.join(",")}],"calls":[${this.#calls.join(",")}]}`, this.#attachments);
  }
}

/** A single call as a frame. */
export function encodeCall(envelope: RequestEnvelope): Uint8Array<ArrayBuffer> {
  const encoder = new CallFrameEncoder();
  encoder.add(envelope, envelope.remainingMillis);
  return encoder.frame();
}

/** A call that arrived, or what is wrong with it alone. */
export type IncomingCall = RequestEnvelope | SluiceException;

/**
 * The calls of a frame from anywhere, in order.
 *
 * @throws UnknownMessageException if the frame is malformed as a whole: then nothing of it may run.
 */
export function decodeCalls(frame: Uint8Array): readonly IncomingCall[] {
  const { head, attached } = decodeFrame(frame);
  const heads = listOf(head, "heads");
  const attachments = new AttachmentReader(attached);
  const calls = listOf(head, "calls").map((call): IncomingCall => {
    const [position, id, seq, remainingMillis, json, meta, lengths = []] = membersOf(call);
    const own = attachments.take(lengths);
    const common = heads[Number(position)];
    try {
      const envelope = parseRequestEnvelope({
        ...UNSAID,
        ...(typeof common === "object" ? common : {}),
        id,
        seq,
        remainingMillis,
        args: decodedValue(json, meta, own),
      });
      // What plain JSON gives, the wire admits.
      if (meta === undefined) return envelope;
      return { ...envelope, args: copyWireValue(envelope.args, `${envelope.gateway}.${envelope.method} argument`) };
    } catch (error) {
      return fromUnknown(error);
    }
  });
  attachments.end();
  return calls;
}

/** What became of one call of a batch: the endpoint's reply, or why the call did not get through to one. */
export type CallOutcome =
  | { readonly kind: "reply"; readonly reply: ReplyEnvelope }
  | { readonly kind: "refusal"; readonly error: ErrorData }
  | { readonly kind: "unreachable"; readonly error: ErrorData };

/** A call by its position in its batch, and what became of it. */
export type NumberedOutcome = readonly [call: number, outcome: CallOutcome];

export function encodeOutcomes(outcomes: readonly NumberedOutcome[]): Uint8Array<ArrayBuffer> {
  const attachments: Uint8Array[] = [];
  const entries = outcomes.map(([call, outcome]): readonly unknown[] => {
    if (outcome.kind !== "reply") return [call, outcome.kind, outcome.error];
    const { reply } = outcome;
    if (reply.outcome === "error") return [call, "error", reply.error, reply.epoch, reply.incarnation];
    const { json, meta, attachments: own } = encodeValue(reply.value);
    if (meta === undefined) return [call, "value", json, reply.epoch, reply.incarnation];
    attachments.push(...own);
    return [call, "value", json, reply.epoch, reply.incarnation, meta, lengthsOf(own)];
  });
  return encodeFrame(JSON.stringify({ outcomes: entries }), attachments);
}

/** Replies lack id and address: the caller knows them. @throws UnknownMessageException for what is no frame of outcomes. */
export function decodeOutcomes(frame: Uint8Array): readonly NumberedOutcome[] {
  const { head, attached } = decodeFrame(frame);
  const attachments = new AttachmentReader(attached);
  const outcomes = listOf(head, "outcomes").map((entry): NumberedOutcome => {
    const [call, kind, said, epoch, incarnation, meta, lengths = []] = membersOf(entry);
    if (typeof call !== "number") throw malformed("call: expected a number");
    if (kind === "value" || kind === "error") {
      const result =
        kind === "error" ? { error: said } : { value: decodedValue(said, meta, attachments.take(lengths)) };
      const reply = { version: ENVELOPE_VERSION, id: "", address: "", epoch, incarnation, outcome: kind, ...result };
      return [call, { kind: "reply", reply: parseReplyEnvelope(reply) }];
    }
    if ((kind === "refusal" || kind === "unreachable") && isErrorData(said)) return [call, { kind, error: said }];
    throw malformed("expected a reply or an error");
  });
  attachments.end();
  return outcomes;
}

function headOf({ id: _id, seq: _seq, remainingMillis: _left, args: _args, ...head }: RequestEnvelope): string {
  const { version, attachments: _none, epoch, sender, depth, chain, trace, ...common } = head;
  return JSON.stringify({
    ...common,
    // Another one is the server's to refuse.
    ...(version === ENVELOPE_VERSION ? {} : { version: version ?? null }),
    ...(epoch === null ? {} : { epoch }),
    ...(sender === null ? {} : { sender }),
    ...(depth === 1 ? {} : { depth }),
    ...(chain.length === 0 ? {} : { chain }),
    ...(trace === null ? {} : { trace }),
  });
}

function isOfOneHead(one: RequestEnvelope, other: RequestEnvelope): boolean {
  return (
    one.method === other.method &&
    one.kind === other.kind &&
    one.version === other.version &&
    one.endpoint === other.endpoint &&
    one.gateway === other.gateway &&
    one.gatewayVersion === other.gatewayVersion &&
    one.epoch === other.epoch &&
    one.sender === other.sender &&
    one.depth === other.depth &&
    one.trace === other.trace &&
    (one.chain === other.chain || (one.chain.length === 0 && other.chain.length === 0))
  );
}

function lengthsOf(attachments: readonly Uint8Array[]): readonly number[] {
  return attachments.map((bytes) => bytes.byteLength);
}

/** @throws UnknownMessageException for what superjson cannot read. What it gives is not checked. */
function decodedValue(json: unknown, meta: unknown, attachments: readonly Uint8Array[]): unknown {
  if (meta === undefined) return json;
  if (typeof meta !== "object" || meta === null) throw malformed("meta: expected an object");
  try {
    // What is not of superjson's form it throws at.
    return decodeValue({ json, meta, attachments } as EncodedValue);
  } catch (error) {
    throw malformed(`value: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function listOf(head: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const list = head[name];
  if (!Array.isArray(list)) throw malformed(`${name}: expected a list`);
  return list;
}

function membersOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed frame: ${what.slice(0, 300)}`);
}
