import { describeRpcService } from "../../conformance/describe-rpc-service.ts";
import { createHttpWorld, HTTP_GAPS } from "./http-world.ts";

describeRpcService({ name: "HttpRpcService", createWorld: createHttpWorld, knownGaps: HTTP_GAPS });

describeRpcService({
  name: "HttpRpcService over a held connection",
  createWorld: () => createHttpWorld({ connection: "held" }),
  knownGaps: HTTP_GAPS,
});
