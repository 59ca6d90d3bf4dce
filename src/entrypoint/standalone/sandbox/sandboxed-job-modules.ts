import type { Clock } from "../../../common/clock.ts";
import { seconds } from "../../../common/duration.ts";
import { SluiceException } from "../../../common/exceptions.ts";
import type { JobGraph, JobModuleReference } from "../../../runtime/jobgraph/job-graph.ts";
import type {
  GraphExtractionRequest,
  InspectedModule,
  JobModuleInspector,
} from "../../../runtime/jobgraph/job-module-inspector.ts";
import { JobSandbox } from "./job-sandbox.ts";
import type { SandboxCalls } from "./sandbox-calls.ts";

/** How long a module may take to load, or to build its graph. */
const PATIENCE = seconds(10);

/** Looks at users' modules in throw-away sandboxes; nothing of them stays. */
export class SandboxedJobModules implements JobModuleInspector {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws Error naming what user code could reach here, if it could reach anything: then it must not run. */
  async requireSound(): Promise<void> {
    const found = await this.#inSandbox("", (calls) => calls.reach());
    if (found.length === 0) return;
    throw new Error(
      `This process cannot hold uploaded jobs in a sandbox: they would reach ${found.join(", ")}. Start it by \`npm run standalone:deno\`, whose options keep them from that, or with --trust-jobs.`,
    );
  }

  inspect(text: string, name: string): Promise<InspectedModule> {
    return this.#inSandbox(name, async (calls) => ({ jobName: await calls.load(text, name) }));
  }

  extractGraph(module: JobModuleReference, text: string, request: GraphExtractionRequest): Promise<JobGraph> {
    return this.#inSandbox(module.name, async (calls) => {
      await calls.load(text, module.name);
      return calls.extractGraph(module, request);
    });
  }

  async #inSandbox<T>(name: string, body: (calls: SandboxCalls) => Promise<T>): Promise<T> {
    using sandbox = new JobSandbox({});
    const { promise: never, reject } = Promise.withResolvers<never>();
    const timer = this.#clock.schedule(PATIENCE, () =>
      reject(
        new SluiceException("INVALID_PROGRAM", `${name}: the module did not come to its end within ${PATIENCE} ms`),
      ),
    );
    try {
      return await Promise.race([body(sandbox.calls), never]);
    } finally {
      timer.cancel();
    }
  }
}
