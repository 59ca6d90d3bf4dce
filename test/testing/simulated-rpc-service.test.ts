import { describeRpcService } from "../conformance/describe-rpc-service.ts";
import { createSimulatedWorld } from "../conformance/simulated-world.ts";

describeRpcService({ name: "SimulatedRpcService", createWorld: createSimulatedWorld });
