import { systemClock } from "../../src/common/clock.ts";
import type { Duration } from "../../src/common/duration.ts";
import { systemIds } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import { namespacesOf } from "../../src/entrypoint/durable-object.ts";
import { DurableObjectRpcService } from "../../src/transport/durable-object/durable-object-rpc-service.ts";
import type { ProbeEnvironment } from "../fixtures/rpc/probe-objects.ts";
import type { World } from "./row.ts";

/** DurableObjectRpcService on real objects and real time; runs inside workerd. */
export function createDurableObjectWorld(env: ProbeEnvironment, lease?: Duration): World {
  return {
    service: new DurableObjectRpcService({
      namespaceOf: namespacesOf(env),
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
      ...(lease === undefined ? {} : { lease }),
    }),
    open: (kind) => `v1/-/test/${kind}/${systemIds.hex()}`,
    elapse: (millis) => scheduler.wait(millis),
    crash: async (address) => {
      const namespace = address.includes("/fenced-probe/") ? env.FENCED_PROBE : env.PROBE;
      try {
        await namespace.getByName(address).crash();
      } catch {
        // The call cannot be answered: its object is gone.
      }
    },
  };
}
