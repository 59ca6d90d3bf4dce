import { env } from "cloudflare:workers";
import { describeRpcService } from "../conformance/describe-rpc-service.ts";
import { createDurableObjectWorld } from "../conformance/durable-object-world.ts";
import { DURABLE_OBJECT_GAPS } from "../conformance/suite.ts";
import type { ProbeEnvironment } from "../fixtures/rpc/probe-objects.ts";

describeRpcService({
  name: "DurableObjectRpcService in the vitest pool",
  // The bindings are those of test/workerd/wrangler.toml.
  createWorld: () => createDurableObjectWorld(env as unknown as ProbeEnvironment),
  knownGaps: DURABLE_OBJECT_GAPS,
});
