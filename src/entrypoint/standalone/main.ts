import { parseArgs } from "node:util";
import { resolve } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { consoleLogger } from "../../common/console-logger.ts";
import { systemIds } from "../../common/ids.ts";
import { systemRandom } from "../../common/random.ts";
import { accessPolicyOf } from "../../rest/access-policy.ts";
import { hasSandbox } from "./sandbox/job-sandbox.ts";
import { SandboxedJobModules } from "./sandbox/sandboxed-job-modules.ts";
import { serve } from "./serve.ts";
import { StandaloneCluster } from "./standalone-cluster.ts";

const USAGE = `Serves the platform in one process under Node, Bun or Deno, until Ctrl-C. One process, no replication.

  --port <port>     port to listen on (default 8787; 0 takes a free one)
  --host <address>  address to listen on (default 127.0.0.1)
  --data <folder>   where all state lies (default ./data)
  --trust-jobs      run uploaded jobs in this process, with all its rights; otherwise Deno runs them in a sandbox, and Node
                    and Bun, which have none, refuse them
  --help            print this

Environment: SLUICE_TOKEN, the access token: without one, everything is open on 127.0.0.1, and nothing runs elsewhere.
SLUICE_CLUSTER_DOMAIN, the domain whose subdomains name clusters (default localhost).`;

const MAX_PORT = 65_535;
const EXIT_USAGE = 2;

interface Options {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly trustJobs: boolean;
}

/** @throws TypeError naming the option at fault; `undefined` if help was asked for. */
function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "8787" },
      host: { type: "string", default: "127.0.0.1" },
      data: { type: "string", default: "data" },
      "trust-jobs": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  if (!/^\d+$/.test(values.port) || Number(values.port) > MAX_PORT) {
    throw new TypeError(`--port: expected an integer from 0 to ${MAX_PORT}, got "${values.port}"`);
  }
  return { port: Number(values.port), host: values.host, data: resolve(values.data), trustJobs: values["trust-jobs"] };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

function die(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

async function run({ port, host, data, trustJobs }: Options): Promise<void> {
  const token = process.env["SLUICE_TOKEN"];
  const jobs = trustJobs ? "trusted" : hasSandbox() ? "sandboxed" : "refused";
  if (jobs === "sandboxed") await new SandboxedJobModules(systemClock).requireSound();
  const cluster = new StandaloneCluster({
    folder: data,
    access: accessPolicyOf({ SLUICE_TOKEN: token, SLUICE_LOCAL: isLoopback(host) ? "1" : "0" }),
    clusterDomain: process.env["SLUICE_CLUSTER_DOMAIN"] ?? "localhost",
    jobs,
    clock: systemClock,
    random: systemRandom,
    ids: systemIds,
    log: consoleLogger(),
    onFatal: die,
  });
  const server = await serve({ hostname: host, port, fetch: cluster.fetch });
  console.log(
    `sluice standalone · http://${host.includes(":") ? `[${host}]` : host}:${server.port}, state in ${data}, uploaded jobs are ${jobs}, stop with Ctrl-C`,
  );
  const stop = (): void =>
    void server
      .close()
      .then(() => cluster.close())
      .then(() => process.exit(0), die);
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

let options: Options | undefined;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error(USAGE);
  process.exit(EXIT_USAGE);
}
if (options === undefined) console.log(USAGE);
else await run(options).catch(die);
