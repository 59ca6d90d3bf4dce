import { isErrorData } from "../../common/exceptions.ts";
import type { ErrorData } from "../../common/exceptions.ts";
import { parseReplyEnvelope, parseRequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import { UnknownMessageException } from "../../rpc/exceptions.ts";
import { encodeFrame } from "./frame.ts";
import type { Frame } from "./frame.ts";

/** A call as a frame: the arguments are its value, the rest of the envelope a field. */
export function encodeCall({ args, ...envelope }: RequestEnvelope): Uint8Array<ArrayBuffer> {
  return encodeFrame({ fields: { envelope }, value: args });
}

/** @throws UnknownMessageException naming the field; the arguments are not checked beyond being a list. */
export function decodeCall({ fields, value }: Frame): RequestEnvelope {
  const { envelope } = fields;
  if (typeof envelope !== "object" || envelope === null) {
    throw new UnknownMessageException("malformed frame: envelope: expected an object");
  }
  // Bytes travelled as attachments of the frame and are back in their places.
  return parseRequestEnvelope({ ...envelope, args: value, attachments: [] });
}

/** What became of one call of a batch: the endpoint's reply, or why the call did not get through to one. */
export type CallOutcome =
  | { readonly kind: "reply"; readonly reply: ReplyEnvelope }
  | { readonly kind: "refusal"; readonly error: ErrorData }
  | { readonly kind: "unreachable"; readonly error: ErrorData };

/** @param call position of the call in its batch. */
export function encodeOutcome(call: number, outcome: CallOutcome): Uint8Array<ArrayBuffer> {
  if (outcome.kind !== "reply") return encodeFrame({ fields: { call, ...outcome }, value: null });
  const { reply } = outcome;
  if (reply.outcome === "error") return encodeFrame({ fields: { call, kind: "reply", reply }, value: null });
  const { value, ...head } = reply;
  return encodeFrame({ fields: { call, kind: "reply", reply: head }, value });
}

/** @throws UnknownMessageException for a frame that is no outcome. */
export function decodeOutcome({ fields, value }: Frame): { readonly call: number; readonly outcome: CallOutcome } {
  const { call, kind, reply, error } = fields;
  if (typeof call !== "number") throw new UnknownMessageException("malformed frame: call: expected a number");
  if (kind === "reply" && typeof reply === "object" && reply !== null) {
    return { call, outcome: { kind, reply: parseReplyEnvelope({ ...reply, value }) } };
  }
  if ((kind === "refusal" || kind === "unreachable") && isErrorData(error)) return { call, outcome: { kind, error } };
  throw new UnknownMessageException("malformed frame: expected a reply or an error");
}
