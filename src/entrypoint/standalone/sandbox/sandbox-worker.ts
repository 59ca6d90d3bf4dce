/**
 * The thread of a JobSandbox: one job's module, the runtime that it imports, and its tasks. It has no rights of its own; the
 * way to the host is a port that stays in this module, which user code shares the thread with, not the references.
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../../common/clock.ts";
import { SluiceException } from "../../../common/exceptions.ts";
import type { ResourceID } from "../../../common/ids.ts";
import type { JobDefinition } from "../../../streaming/graph/job-definition.ts";
import { generateJobGraph } from "../../../streaming/graph/job-graph-generator.ts";
import type { ExchangeLink } from "../../../streaming/network/exchange-link.ts";
import { TaskHostCore } from "../../../streaming/task/task-host-core.ts";
// The module `sluice` of jobs: what is loaded already needs no right to be read.
import "../../../index.ts";
import { importJob, linkedToRuntime } from "../job-module-text.ts";
import { MessageCalls } from "./message-calls.ts";
import { HOST_METHODS } from "./sandbox-calls.ts";
import type { HostCalls, SandboxCalls } from "./sandbox-calls.ts";
// Behind the modules of Node, which Deno could not load any more.
import "../../task-host/frozen-intrinsics.ts";

/** A port between threads, as far as it is used here. */
interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** A worker's global object; its one message is the port to the host. */
interface WorkerScope {
  onmessage: ((event: { readonly data: Port }) => void) | null;
  onunhandledrejection: ((event: { readonly reason: unknown; preventDefault(): void }) => void) | null;
}

// The types of this repository are those of Workers and of Node, whose threads look otherwise.
const scope = globalThis as unknown as WorkerScope;

let definition: JobDefinition | undefined;
let core: TaskHostCore | undefined;
let host: HostCalls | undefined;
let links = 0;

const job = (): JobDefinition => definition ?? missing("module");
const tasks = (): TaskHostCore => core ?? missing("task host");

const sandbox: SandboxCalls = {
  reach: findReach,
  load: async (text, name) => {
    const url = URL.createObjectURL(new Blob([linkedToRuntime(text)], { type: "text/javascript" }));
    try {
      definition = await importJob(url, name);
    } finally {
      URL.revokeObjectURL(url);
    }
    return definition.name;
  },
  extractGraph: async (module, request) => (await generateJobGraph(job(), { ...request, module })).jobGraph,
  startTasks: async (self) => {
    core = new TaskHostCore({ self, definition: job(), clock: systemClock, objects: toHost, links: linkTo });
  },
  submitTask: (descriptor) => tasks().submitTask(descriptor),
  cancelTask: (attemptId) => tasks().cancelTask(attemptId),
  triggerCheckpoint: (trigger) => tasks().triggerCheckpoint(trigger),
  notifyCheckpointComplete: (checkpointId) => tasks().notifyCheckpointComplete(checkpointId),
  notifyCheckpointAborted: (checkpointId) => tasks().notifyCheckpointAborted(checkpointId),
  run: async (request) => {
    // Slices follow one another in microtasks; messages get their turn here.
    await setImmediate();
    return tasks().run(request);
  },
  deliver: (flush) => tasks().deliver(flush),
  credit: (grants) => tasks().credit(grants),
};

scope.onmessage = ({ data: port }) => {
  scope.onmessage = null;
  // Bound before any user code could replace the method.
  const calls = new MessageCalls(port.postMessage.bind(port), sandbox);
  host = calls.remote<HostCalls>(HOST_METHODS);
  port.onmessage = ({ data }) => calls.receive(data);
};

scope.onunhandledrejection = (event) => {
  // Otherwise it ends the thread, and with it all tasks of the TaskExecutor.
  event.preventDefault();
  console.error("a job left a rejection unhandled:", event.reason);
};

function toHost(): HostCalls {
  return host ?? missing("host");
}

function linkTo(peer: ResourceID): ExchangeLink {
  links += 1;
  const link = links;
  return {
    deliver: (flush) => toHost().deliverTo(peer, link, flush),
    credit: (grants) => toHost().creditTo(peer, link, grants),
  };
}

function missing(what: string): never {
  throw new SluiceException("ILLEGAL_STATE", `this sandbox has no ${what} yet`);
}

async function findReach(): Promise<readonly string[]> {
  const attempts: readonly (readonly [what: string, attempt: () => unknown])[] = [
    ["files", () => readFileSync(import.meta.filename)],
    ["the environment", () => process.env["PATH"] ?? "none"],
    [
      "the network",
      () => new Promise((done, failed) => connect(1, "127.0.0.1").on("error", failed).on("connect", done)),
    ],
    // oxlint-disable-next-line sluice/no-dynamic-import -- it must fail
    ["modules of the network", () => import(`https://${"deno.land"}/x/none.ts`)],
  ];
  const found: string[] = [];
  for (const [what, attempt] of attempts) {
    try {
      await attempt();
      found.push(what);
    } catch (error) {
      if (!/Requires \w+ access|EPERM|--no-remote/.test(String(error))) found.push(`${what} (${String(error)})`);
    }
  }
  return found;
}
