/**
 * Tells one endpoint a million times and prints the highest use of the heap in MiB. Its process is started with a heap that
 * ends at the bar, so a heap that would outgrow it ends the process instead.
 */
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { BenchEndpoint, BenchGateway } from "../target/bench-endpoint.ts";

const TELLS = 1_000_000;
/** Below the mailbox's bound: a caller from outside has no window, and gets what does not fit refused. */
const WAVE = 4_000;
const BYTES_PER_MIB = 1_024 * 1_024;

const service = new LocalRpcService();
service.startServer("bench", { gateways: [BenchGateway], factory: (context) => new BenchEndpoint(context) });
const gateway = service.gateway(BenchGateway, "bench");

let peak = 0;
for (let told = 0; told < TELLS; told += WAVE) {
  for (let inWave = 0; inWave < WAVE; inWave += 1) gateway.note(1);
  peak = Math.max(peak, process.memoryUsage().heapUsed);
  await gateway.noted();
  peak = Math.max(peak, process.memoryUsage().heapUsed);
}
const noted = await gateway.noted();
if (noted !== TELLS) throw new Error(`expected ${TELLS} tells to arrive, got ${noted}`);
console.log(peak / BYTES_PER_MIB);
