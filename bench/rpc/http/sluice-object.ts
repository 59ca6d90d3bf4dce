import { HttpRpcService } from "../../../src/transport/http/http-rpc.ts";
import { serveLoads } from "../in-process/serve-loads.ts";
import { TARGET_ADDRESS } from "../target/bench-caller.ts";
import { DurableBenchGateway } from "../target/bench-endpoint.ts";
import { HTTP_TOKEN, serverUrl } from "./address.ts";

const service = new HttpRpcService({ url: serverUrl("/object/rpc"), token: HTTP_TOKEN });
serveLoads(service.gateway(DurableBenchGateway, TARGET_ADDRESS));
