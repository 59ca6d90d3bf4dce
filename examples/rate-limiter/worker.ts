import { SluiceException } from "sluice/rpc";
import { durableObject, rpcServiceOf } from "sluice/rpc/durable-object";
import { RateLimiter, RateLimiterGateway } from "./rate-limiter.ts";
import type { Verdict } from "./rate-limiter.ts";

interface Environment {
  readonly RATE_LIMITER: DurableObjectNamespace;
  readonly CAPACITY: number;
  readonly TOKENS_PER_SECOND: number;
}

export const RateLimiterObject = durableObject(
  (context, env: Environment) =>
    new RateLimiter(context, { capacity: env.CAPACITY, tokensPerSecond: env.TOKENS_PER_SECOND }),
  [RateLimiterGateway],
);

/** One limiter per client: an object near it, and as many as there are clients. */
async function take(request: Request, env: Environment): Promise<Verdict> {
  const client = request.headers.get("x-api-key") ?? request.headers.get("cf-connecting-ip") ?? "unknown";
  const limiter = rpcServiceOf(env).gateway(RateLimiterGateway, `rate-limiter/${encodeURIComponent(client)}`);
  try {
    return await limiter.take(1);
  } catch (error) {
    // A limiter that is down limits nobody.
    if (SluiceException.is(error)) return { allowed: true, remaining: 0, retryAfterMillis: 0 };
    throw error;
  }
}

export default {
  async fetch(request, env) {
    const { allowed, remaining, retryAfterMillis } = await take(request, env);
    const headers = { "ratelimit-remaining": String(remaining) };
    if (allowed) return new Response("Here you are.\n", { headers });
    const retryAfter = String(Math.ceil(retryAfterMillis / 1_000));
    return new Response("Too many requests.\n", { status: 429, headers: { ...headers, "retry-after": retryAfter } });
  },
} satisfies ExportedHandler<Environment>;
