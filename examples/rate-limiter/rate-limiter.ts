import { ask, defineGateway, milliseconds, RpcEndpoint } from "sluice/rpc";
import type { EndpointContext, HandlerOf } from "sluice/rpc";
import * as z from "zod";

export interface Verdict {
  readonly allowed: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** When asking again is worthwhile; 0 if it was allowed. */
  readonly retryAfterMillis: number;
}

export const RateLimiterGateway = defineGateway("RateLimiter", {
  version: 1,
  turns: "sync",
  methods: {
    /** Takes `cost` tokens, all or none. `readOnly`: the bucket lives in memory, so its turns need no transaction. */
    take: ask<(cost: number) => Verdict>({
      readOnly: true,
      timeout: milliseconds(500),
      parameters: z.tuple([z.number().positive()]),
    }),
  },
});

export interface Bucket {
  readonly capacity: number;
  readonly tokensPerSecond: number;
}

/**
 * A token bucket, kept as the one instant at which it will be full. It is lost with the object's memory: an object is evicted
 * when nobody has asked for a while, and until then its bucket is full anyway. A deploy fills it, too; where that matters,
 * keep the instant in storage.
 */
export class RateLimiter extends RpcEndpoint implements HandlerOf<typeof RateLimiterGateway> {
  readonly #capacity: number;
  readonly #millisPerToken: number;
  #fullAt = 0;

  constructor(context: EndpointContext, { capacity, tokensPerSecond }: Bucket) {
    super(context);
    this.#capacity = capacity;
    this.#millisPerToken = 1_000 / tokensPerSecond;
  }

  take(cost: number): Verdict {
    const now = this.clock.now();
    const untilFull = Math.max(0, this.#fullAt - now);
    const missing = untilFull + (cost - this.#capacity) * this.#millisPerToken;
    const allowed = missing <= 0;
    const wait = allowed ? untilFull + cost * this.#millisPerToken : untilFull;
    this.#fullAt = now + wait;
    const remaining = Math.floor(this.#capacity - wait / this.#millisPerToken);
    return { allowed, remaining, retryAfterMillis: Math.ceil(Math.max(0, missing)) };
  }
}
