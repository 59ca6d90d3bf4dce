import { describeRpcService } from "../../conformance/describe-rpc-service.ts";
import { createLocalWorld } from "../../conformance/local-world.ts";

describeRpcService({ name: "LocalRpcService", createWorld: createLocalWorld });
