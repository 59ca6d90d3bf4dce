import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../../../src/common/clock.ts";
import { consoleLogger } from "../../../src/common/console-logger.ts";
import { systemIds } from "../../../src/common/ids.ts";
import { durableObject, namespacesOf } from "../../../src/entrypoint/durable-object.ts";
import { DurableObjectRpcService } from "../../../src/transport/durable-object/durable-object-rpc-service.ts";
import type { EndpointNamespace } from "../../../src/transport/durable-object/endpoint-stub.ts";
import type { LoadPlan, LoadResult } from "../load/load.ts";
import { runLoad } from "../load/run-load.ts";
import {
  BenchCaller,
  BenchCallerGateway,
  CALLER_ADDRESS,
  LOGGED_TARGET_ADDRESS,
  TARGET_ADDRESS,
} from "../target/bench-caller.ts";
import { DurableBenchEndpoint, DurableBenchGateway, ResetBenchGateway } from "../target/bench-endpoint.ts";
import type { DurableBenchTarget } from "../target/bench-target.ts";
import { stubTarget } from "../target/stub-target.ts";
import { countedStub } from "./counted-stub.ts";
import type { TopLevelCalls } from "./counted-stub.ts";
import { httpRoutes } from "./http-routes.ts";
import { measureRoute } from "./measure-route.ts";
import { RawObject } from "./raw-object.ts";

interface Environment {
  readonly CALLER: DurableObjectNamespace<CallerObject>;
  readonly RAW: DurableObjectNamespace<RawObject>;
  readonly BENCH: DurableObjectNamespace<SluiceObject>;
  readonly BENCH_CALLER: DurableObjectNamespace<SluiceCallerObject>;
}

export { RawObject };

/** Turns that a message log of the benchmark keeps: it is full, and drops the oldest, most of the time. */
const LOG_CAPACITY = 10_000;

/** Sluice's targets: one keeps a message log. */
export class SluiceObject extends durableObject(
  (context, _env: Environment) =>
    new DurableBenchEndpoint(
      context,
      context.address === LOGGED_TARGET_ADDRESS ? { messageLog: { capacity: LOG_CAPACITY } } : {},
    ),
  [DurableBenchGateway, ResetBenchGateway],
) {}

/** Makes Sluice's calls as an endpoint. */
export class SluiceCallerObject extends durableObject(
  (context, _env: Environment) => new BenchCaller(context),
  [BenchCallerGateway],
) {}

const PER_THOUSAND = 1_000;

/** Makes the calls of raw RPC and of Sluice, object to object, in the same loops; those of an endpoint it has made by one. */
export class CallerObject extends DurableObject<Environment> {
  readonly #targets = new Map<string, DurableBenchTarget>();

  async measure(system: string, plan: LoadPlan): Promise<LoadResult> {
    if (system === "sluice endpoint") return this.#service().gateway(BenchCallerGateway, CALLER_ADDRESS).measure(plan);
    if (plan.load === "thousand calls") return this.#countTopLevelCalls(system, plan);
    let target = this.#targets.get(system);
    if (target === undefined) this.#targets.set(system, (target = this.#targetOf(system)));
    return runLoad(target, plan);
  }

  /** Top-level stub calls per thousand asks, from a caller that has not called yet: sessions it opens are counted. */
  async #countTopLevelCalls(system: string, plan: LoadPlan): Promise<LoadResult> {
    const calls: TopLevelCalls = { count: 0 };
    const asks = await runLoad(this.#targetOf(system, calls), plan);
    return { value: (calls.count / asks.value) * PER_THOUSAND };
  }

  #targetOf(system: string, calls?: TopLevelCalls): DurableBenchTarget {
    switch (system) {
      case "raw": {
        const stub = this.env.RAW.getByName("target");
        return stubTarget(calls === undefined ? stub : countedStub(stub, calls));
      }
      case "sluice":
        return this.#service(calls).gateway(DurableBenchGateway, TARGET_ADDRESS);
      case "sluice undone by a reset":
        return this.#service(calls).gateway(ResetBenchGateway, TARGET_ADDRESS);
      case "sluice with a log":
        return this.#service(calls).gateway(DurableBenchGateway, LOGGED_TARGET_ADDRESS);
      default:
        throw new RangeError(`system: expected raw or one of Sluice's, got "${system}"`);
    }
  }

  #service(calls?: TopLevelCalls): DurableObjectRpcService {
    const namespaces = namespacesOf(this.env);
    return new DurableObjectRpcService({
      namespaceOf: (kind) => counted(namespaces(kind), calls),
      clock: systemClock,
      ids: systemIds,
      log: consoleLogger(),
    });
  }
}

function counted(
  namespace: EndpointNamespace | undefined,
  calls: TopLevelCalls | undefined,
): EndpointNamespace | undefined {
  if (namespace === undefined || calls === undefined) return namespace;
  return {
    getByName: (name) => countedStub(namespace.getByName(name), calls),
    jurisdiction: (jurisdiction) => namespace.jurisdiction(jurisdiction),
  };
}

export default {
  /** `POST /measure` runs a load; the rest is called by processes. */
  fetch(request, env) {
    if (new URL(request.url).pathname === "/measure") return measureRoute(request, env.CALLER.getByName("caller"));
    return httpRoutes.fetch(request, env);
  },
} satisfies ExportedHandler<Environment>;
