import { copyMeasured } from "../../common/wire-value.ts";
import type { WireValue } from "../../common/wire-value.ts";
import { parseRequestEnvelope } from "../envelope/v1.ts";
import { UnknownMessageException } from "../exceptions.ts";
import type { MessageHead } from "../ports/rpc-channel.ts";
import { jsonBytes, parsedJson, parts } from "./plain-json.ts";
import { isIntegers } from "./frame-decoder.ts";
import { SessionRequest } from "./session-request.ts";
import type { SessionHead } from "./session-request.ts";
import { columnAt, runAt } from "./session-protocol.ts";
import type { MessageBatch, MessageCause, MessageColumns } from "./session-protocol.ts";

/** What a part of a batch says, and whether an envelope may say so. */
interface Checked<T> {
  readonly part: T;
  readonly sound: boolean;
  readonly bytes?: number;
}

/** Reads the batches of one session. */
export class BatchDecoder {
  readonly #address: string;
  readonly #heads: SessionHead[] = [];
  // Without a batch's heads, those after it would name others.
  #readable = true;

  constructor(address: string) {
    this.#address = address;
  }

  /**
   * The messages of a batch.
   *
   * @throws UnknownMessageException if the batch is none: then nothing of it may be let in. A message of it that is no
   *   envelope is marked as not sound and does not disturb the others.
   */
  decode(
    value: unknown,
    nowMillis: number,
  ): { readonly batch: MessageBatch; readonly messages: readonly SessionRequest[] } {
    if (!this.#readable) throw malformed("an earlier batch of this session could not be read");
    this.#readable = false;
    const batch = parseBatch(value);
    for (const head of batch.newHeads) this.#heads.push(this.#checkedHead(head));
    const messages = this.#messages(batch, nowMillis);
    this.#readable = true;
    return { batch, messages };
  }

  /**
   * The message of a batch that has only one, and the frame whose arrival it tells, if any.
   *
   * @throws UnknownMessageException as {@link decode}, but for later batches, which do not depend on this one.
   */
  decodeMessage(
    text: string,
    nowMillis: number,
  ): { readonly message: SessionRequest; readonly received: number | null } {
    const fields = parts(parsedJson(text));
    if (fields.length !== MESSAGE_FIELDS) throw malformed("message");
    // By position: taking an array apart by its iterator costs more than all checks.
    const number = fields[0];
    const position = fields[1];
    const tail = fields[2];
    const remainingMillis = fields[3];
    const depth = fields[4];
    const received = fields[5];
    const args = fields[6];
    if (!isNatural(number) || !isPositive(number)) throw malformed("number");
    const head = isNatural(position) ? this.#heads[position] : undefined;
    if (head === undefined || !this.#readable) throw malformed("head");
    if (typeof tail !== "number" || !Number.isSafeInteger(tail)) throw malformed("id");
    if (remainingMillis !== null && (typeof remainingMillis !== "number" || !isRemaining(remainingMillis))) {
      throw malformed("remainingMillis");
    }
    if (!isNatural(depth) || !isPositive(depth)) throw malformed("depth");
    if (received !== null && !isNatural(received)) throw malformed("received");
    if (!Array.isArray(args)) throw malformed("args");
    const cause = { depth, chain: NO_CHAIN, trace: null };
    const message = {
      number,
      tail,
      cause,
      // JSON holds no value outside the wire's closed list.
      args: args as readonly WireValue[],
      argumentBytes: jsonBytes(text),
      remainingMillis,
      sound: head.sound,
      receivedMillis: nowMillis,
    };
    return { message: new SessionRequest(this.#address, head, message), received };
  }

  #messages(batch: MessageBatch, nowMillis: number): readonly SessionRequest[] {
    const args = parseArgs(batch);
    const meanBytes = Math.ceil(jsonBytes(batch.args) / Math.max(1, batch.count));
    const causes = batch.causes.map((cause) => ({ part: cause, sound: isCause(cause) }));
    const messages: SessionRequest[] = [];
    for (let index = 0; index < batch.count; index += 1) {
      const number = runAt(batch.numbers, index);
      const head = this.#heads[columnAt(batch.heads, index) ?? -1];
      const tail = runAt(batch.ids, index);
      const remainingMillis = columnAt(batch.remainingMillis, index);
      const cause = causes[columnAt(batch.cause, index) ?? -1];
      const own = args[index];
      if (
        number === undefined ||
        head === undefined ||
        tail === undefined ||
        cause === undefined ||
        own === undefined
      ) {
        throw malformed(`message ${index} is incomplete`);
      }
      messages.push(
        new SessionRequest(this.#address, head, {
          number,
          tail,
          cause: cause.part,
          args: own.part,
          argumentBytes: own.bytes ?? meanBytes,
          remainingMillis: remainingMillis ?? null,
          sound: head.sound && cause.sound && own.sound,
          receivedMillis: nowMillis,
        }),
      );
    }
    return messages;
  }

  /** A head is sound if an envelope with nothing else in it is one. */
  #checkedHead(head: MessageHead): SessionHead {
    const { version, kind, gateway, gatewayVersion, method, epoch, sender, idPrefix } = head;
    try {
      parseRequestEnvelope({
        version,
        kind,
        id: idPrefix === "" ? "0" : idPrefix,
        endpoint: this.#address,
        gateway,
        gatewayVersion,
        method,
        args: [],
        attachments: [],
        epoch,
        sender,
        seq: 1,
        remainingMillis: null,
        depth: 1,
        chain: [],
        trace: null,
      });
      return { head, sound: true, served: undefined };
    } catch {
      return { head, sound: false, served: undefined };
    }
  }
}

/** Of a message that travels alone. */
const MESSAGE_FIELDS = 7;

const NO_CHAIN: readonly string[] = [];

/** Batches are small: nobody sends more, and a number alone must not make the callee work. */
export const MAX_BATCH_MESSAGES = 4_096;

function parseBatch(value: unknown): MessageBatch {
  const [columns, args, clonedArgs = []] = parts(value);
  const [count, numbers, received, newHeads, heads, ids, remainingMillis, causes, cause, onlyIn] = parts(
    parsedJson(columns),
  );
  const fields = { count, numbers, received, newHeads, heads, ids, remainingMillis, causes, cause, onlyIn };
  if (!isNatural(count) || count > MAX_BATCH_MESSAGES) throw malformed("count");
  if (!isIntegers(fields.numbers) || !fields.numbers.every(isPositive)) throw malformed("numbers");
  if (!isIntegers(fields.received)) throw malformed("received");
  if (!isRecords(fields.newHeads) || !fields.newHeads.every(isPrefixed)) throw malformed("newHeads");
  if (!isIntegers(fields.heads)) throw malformed("heads");
  if (!isIntegers(fields.ids)) throw malformed("ids");
  if (!Array.isArray(fields.remainingMillis) || !fields.remainingMillis.every(isRemaining)) {
    throw malformed("remainingMillis");
  }
  if (!isRecords(fields.causes)) throw malformed("causes");
  if (!isIntegers(fields.cause)) throw malformed("cause");
  if (typeof args !== "string") throw malformed("args");
  if (!Array.isArray(clonedArgs)) throw malformed("clonedArgs");
  if (fields.onlyIn !== undefined && !isOnlyIn(fields.onlyIn)) throw malformed("onlyIn");
  // Each field was looked at.
  return { ...(fields as MessageColumns), args, clonedArgs };
}

function parseArgs(batch: MessageBatch): readonly (Checked<readonly WireValue[]> | undefined)[] {
  const parsed = parsedJson(batch.args);
  if (!Array.isArray(parsed)) throw malformed("args");
  // JSON holds no value outside the wire's closed list.
  const args: Checked<readonly WireValue[]>[] = parsed.map((own: WireValue[]) => ({
    part: own,
    sound: Array.isArray(own),
  }));
  for (const entry of batch.clonedArgs) {
    const [position, own]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (!isNatural(position) || position >= batch.count) throw malformed("clonedArgs");
    args[position] = checkedClone(own);
  }
  return args;
}

/** The platform carries more than the closed list, and what is not in it is refused by whoever serves the message. */
function checkedClone(own: unknown): Checked<readonly WireValue[]> {
  // Not looked at unless it is sound.
  const part = own as readonly WireValue[];
  try {
    const { value, bytes } = copyMeasured(part, "argument");
    return { part: value, sound: Array.isArray(own), bytes };
  } catch {
    return { part, sound: false };
  }
}

function malformed(what: string): UnknownMessageException {
  return new UnknownMessageException(`malformed batch: ${what}`);
}

const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isRecords = (value: unknown): value is object[] =>
  Array.isArray(value) && value.every((member) => typeof member === "object" && member !== null);
const isPrefixed = (head: Partial<Record<keyof MessageHead, unknown>>): boolean => typeof head.idPrefix === "string";
const isPositive = (value: number): boolean => value >= 1;
const isRemaining = (value: unknown): boolean => value === null || Number.isFinite(value);

function isCause({ depth, chain, trace }: Partial<Record<keyof MessageCause, unknown>>): boolean {
  return (
    isNatural(depth) &&
    depth >= 1 &&
    Array.isArray(chain) &&
    chain.every((id) => typeof id === "string") &&
    (trace === null || typeof trace === "string")
  );
}

function isOnlyIn(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { instance, numbers }: { readonly instance?: unknown; readonly numbers?: unknown } = value;
  return typeof instance === "string" && isIntegers(numbers);
}
