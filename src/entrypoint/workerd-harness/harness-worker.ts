/** The half of the harness that runs in workerd, around the worker under test. Imported by the module that harness-process.ts writes. */
import type { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "../../common/clock.ts";
import { toErrorData } from "../../common/exceptions.ts";
import type { RpcChannel } from "../../rpc/ports/rpc-channel.ts";
import { BatchAnswer } from "../../transport/http/batch-answer.ts";
import type { CallOutcome, IncomingCall } from "../../transport/http/call-frame.ts";
import { HttpRefusal } from "../../transport/http/http-refusal.ts";
import { readCalls } from "../../transport/http/read-calls.ts";
import { DEFAULT_RPC_HTTP_LIMITS } from "../../transport/http/rpc-http-endpoint.ts";
import { rpcServiceOf } from "../durable-object-rpc.ts";
import { namespacesOf } from "../durable-object.ts";
import type { EndpointObject } from "../durable-object.ts";
import { CRASH_PATH, ELAPSE_PATH, READY_PATH, RPC_PATH } from "./harness-protocol.ts";

type ObjectClass = new (ctx: DurableObjectState, env: object) => DurableObject<object> & Partial<EndpointObject>;
type EntrypointClass = new (ctx: ExecutionContext, env: object) => WorkerEntrypoint<object>;
type Handler = ExportedHandler<object>;

/** What the harness adds to each Durable Object class. */
interface HarnessedObject {
  harnessCrash(): Promise<void>;
  harnessElapse(millis: number): Promise<void>;
}

/** `base` with what a test may do to it from outside. */
export function harnessedObject(base: ObjectClass): ObjectClass {
  return class extends base implements HarnessedObject {
    async harnessCrash(): Promise<void> {
      this.ctx.abort("crashed by a test");
    }

    async harnessElapse(millis: number): Promise<void> {
      const { sql } = this.ctx.storage;
      sql.exec("UPDATE sluice_timers SET due = due - ?", millis);
      await this.alarm?.({ isRetry: false, retryCount: 0, scheduledTime: systemClock.now() });
    }
  };
}

/** The worker's default export, behind the harness's own paths. */
export function harnessed(handler: Handler | EntrypointClass | undefined): Handler | EntrypointClass {
  if (typeof handler === "function") {
    return class extends handler {
      override fetch(request: Request): Response | Promise<Response> {
        return answer(request, this.env) ?? super.fetch?.(request) ?? notFound();
      }
    };
  }
  return {
    ...handler,
    fetch: (request, env, ctx) => answer(request, env) ?? handler?.fetch?.(request, env, ctx) ?? notFound(),
  };
}

function answer(request: Request, env: object): Promise<Response> | undefined {
  const { pathname, searchParams } = new URL(request.url);
  const object = (): HarnessedObject => objectAt(env, searchParams.get("address") ?? "");
  switch (pathname) {
    case READY_PATH:
      return Promise.resolve(new Response(null, { status: 204 }));
    case RPC_PATH:
      return answerCalls(request, env);
    case CRASH_PATH:
      // The call cannot be answered: its object is gone.
      return answered(() =>
        object()
          .harnessCrash()
          .catch(() => undefined),
      );
    case ELAPSE_PATH:
      return answered(() => object().harnessElapse(Number(searchParams.get("millis"))));
    default:
      return undefined;
  }
}

async function answered(body: () => Promise<void>): Promise<Response> {
  try {
    await body();
    return new Response(null, { status: 204 });
  } catch (error) {
    return new Response(String(error), { status: 400 });
  }
}

function notFound(): Response {
  return new Response("not found", { status: 404 });
}

/** As the border of `createRpcEndpoint`, but nobody has to export anything, and callers are believed. */
async function answerCalls(request: Request, env: object): Promise<Response> {
  try {
    const service = rpcServiceOf(env);
    const channels = new Map<string, RpcChannel>();
    const calls = await readCalls(request, DEFAULT_RPC_HTTP_LIMITS);
    const batch = new BatchAnswer(calls.length, systemClock);
    const send = async (envelope: IncomingCall): Promise<CallOutcome> => {
      try {
        if (envelope instanceof Error) throw envelope;
        const { endpoint } = envelope;
        const channel = channels.get(endpoint) ?? service.openChannel(endpoint);
        channels.set(endpoint, channel);
        return { kind: "reply", reply: await channel.send(envelope) };
      } catch (error) {
        return { kind: "unreachable", error: toErrorData(error) };
      }
    };
    for (const [call, envelope] of calls.entries()) void send(envelope).then((outcome) => batch.settle(call, outcome));
    return await batch.response();
  } catch (error) {
    return HttpRefusal.from(error).response();
  }
}

/** @throws TypeError if no binding has the name of the address's kind. */
function objectAt(env: object, address: string): HarnessedObject {
  const parts = address.split("/");
  const kind = parts.length === 2 ? parts[0] : parts[3];
  const stub: unknown = namespacesOf(env)(kind ?? "")?.getByName(address);
  if (stub === undefined) throw new TypeError(`${address}: no binding is called like its kind`);
  // A stub answers to any name; whether its class was wrapped shows in the call.
  return stub as HarnessedObject;
}
