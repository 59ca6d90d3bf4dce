import { HttpRpcService } from "../../../src/transport/http/http-rpc.ts";
import { serveLoads } from "../in-process/serve-loads.ts";
import { BenchGateway } from "../target/bench-endpoint.ts";
import { HTTP_ADDRESS, HTTP_TOKEN, serverUrl } from "./address.ts";

const service = new HttpRpcService({ url: serverUrl("/rpc"), token: HTTP_TOKEN, connection: "held" });
serveLoads(service.gateway(BenchGateway, HTTP_ADDRESS));
