import { wireTextOf } from "../../common/wire-text.ts";
import type { SenderIdentity } from "../fencing/epoch.ts";
import type { LoggedMessage } from "./log-entry.ts";

/** A message as it is stored; what is null or missing at the end was not given. */
export type StoredMessage = readonly [
  method: string,
  args: readonly unknown[],
  remainingMillis: number | null,
  sender?: SenderIdentity | null,
  trace?: string | null,
];

/**
 * Makes the beginnings of entries for messages: JSON by hand, as it costs each message as much as all else about it. Those of
 * one batch mostly differ in their arguments only, so the rest is kept from one to the next.
 */
export class MessageEncoder {
  #nowMillis = Number.NaN;
  #method = "";
  #prefix = "";
  #remainingMillis: number | undefined = Number.NaN;
  #remaining = "";

  encode({ method, args, sender, deadlineMillis, trace }: LoggedMessage, nowMillis: number): string {
    if (nowMillis !== this.#nowMillis || method !== this.#method) {
      this.#nowMillis = nowMillis;
      this.#method = method;
      this.#prefix = `[${nowMillis},[${JSON.stringify(method)},[`;
    }
    const remainingMillis = deadlineMillis === undefined ? undefined : deadlineMillis - nowMillis;
    if (remainingMillis !== this.#remainingMillis) {
      this.#remainingMillis = remainingMillis;
      this.#remaining = `],${remainingMillis ?? "null"}`;
    }
    let text = this.#prefix;
    for (let index = 0; index < args.length; index += 1) {
      text += index === 0 ? argumentText(args[0]) : `,${argumentText(args[index])}`;
    }
    text += this.#remaining;
    if (sender === undefined && trace === undefined) return `${text}]`;
    return `${text},${JSON.stringify(sender ?? null)},${JSON.stringify(trace ?? null)}]`;
  }
}

function argumentText(value: unknown): string {
  if (typeof value === "number" && Number.isSafeInteger(value) && value !== 0) return `${value}`;
  return typeof value === "string" ? JSON.stringify(value) : wireTextOf(value);
}
