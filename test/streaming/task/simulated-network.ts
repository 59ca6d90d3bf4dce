import type { CreditGrant, ExchangeFlush, ExchangeLink } from "../../../src/streaming/network/exchange-link.ts";
import type { Choices } from "./choices.ts";

interface PendingCall {
  /** One delivery each, so that channels overtake one another. */
  readonly parts: ExchangeFlush[];
  readonly target: () => ExchangeLink;
  readonly replies: CreditGrant[];
  readonly settle: PromiseWithResolvers<readonly CreditGrant[]>;
}

/**
 * Links whose calls arrive when the test says so, in any order over links and over the channels of a call, never within a
 * channel. Arguments are cloned as Workers RPC would.
 */
export class SimulatedNetwork {
  #pending: PendingCall[] = [];
  #brokenCause: Error | undefined;

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  link(target: () => ExchangeLink): ExchangeLink {
    const call = (flush: ExchangeFlush): Promise<readonly CreditGrant[]> => {
      if (this.#brokenCause !== undefined) return Promise.reject(this.#brokenCause);
      const { deliveries, grants } = structuredClone(flush);
      const parts = [
        { deliveries: [], grants },
        ...deliveries.map((delivery) => ({ deliveries: [delivery], grants: [] })),
      ];
      const settle = Promise.withResolvers<readonly CreditGrant[]>();
      this.#pending.push({ parts, target, replies: [], settle });
      return settle.promise;
    };
    return {
      deliver: call,
      credit: async (grants) => {
        await call({ deliveries: [], grants });
      },
    };
  }

  /** Lets one part of one call arrive. */
  async step(choices: Choices): Promise<void> {
    const call = choices.pick(this.#pending);
    if (call === undefined) return;
    const part = choices.pick(call.parts);
    if (part !== undefined) {
      call.parts.splice(call.parts.indexOf(part), 1);
      if (part.deliveries.length > 0) call.replies.push(...(await call.target().deliver(part)));
      else await call.target().credit(part.grants);
    }
    if (call.parts.length > 0) return;
    this.#pending = this.#pending.filter((other) => other !== call);
    call.settle.resolve(structuredClone(call.replies));
  }

  /** All calls under way and all later ones fail. */
  break(): void {
    this.#brokenCause = new Error("network lost");
    for (const { settle } of this.#pending) settle.reject(this.#brokenCause);
    this.#pending = [];
  }
}
