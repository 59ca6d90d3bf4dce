import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { BenchEndpoint, BenchGateway } from "../target/bench-endpoint.ts";
import { serveLoads } from "./serve-loads.ts";

const service = new LocalRpcService();
service.startServer("bench", { gateways: [BenchGateway], factory: (context) => new BenchEndpoint(context) });
serveLoads(service.gateway(BenchGateway, "bench"));
