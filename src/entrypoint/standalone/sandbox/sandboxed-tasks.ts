import * as z from "zod";
import { SluiceException } from "../../../common/exceptions.ts";
import { brandId } from "../../../common/ids.ts";
import type { ResourceID } from "../../../common/ids.ts";
import type { ExchangeLink } from "../../../streaming/network/exchange-link.ts";
import type { HostedTasks, TaskParts } from "../standalone-task-hosts.ts";
import { JobSandbox } from "./job-sandbox.ts";
import type { HostCalls } from "./sandbox-calls.ts";

// What a sandbox sends is what user code may have made up.
const Key = z.string();
const Bytes = z.instanceof(Uint8Array);
const Range = z.object({ offset: z.int().min(0), length: z.int().min(0).exactOptional() }).optional();
const Condition = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("if-absent") }),
    z.object({ kind: z.literal("if-match"), etag: z.string() }),
  ])
  .optional();

/** The tasks of one TaskExecutor in a sandbox of their own. */
export async function startSandboxed(parts: TaskParts): Promise<HostedTasks> {
  const sandbox = new JobSandbox(hostCalls(parts));
  try {
    await sandbox.calls.load(parts.text, parts.name);
    await sandbox.calls.startTasks(parts.self);
    return { ...sandbox.calls, close: () => sandbox[Symbol.dispose]() };
  } catch (error) {
    sandbox[Symbol.dispose]();
    throw error;
  }
}

/** What a sandbox may do beyond itself: the job's view of the object store, and its own TaskExecutors. */
export function hostCalls({ objects, links, self }: Pick<TaskParts, "objects" | "links" | "self">): HostCalls {
  const [jobId = ""] = self.split("-te-");
  const open = new Map<number, ExchangeLink>();
  const linkOf = (peer: string, link: number): ExchangeLink => {
    const present = open.get(link);
    if (present !== undefined) return present;
    const made = links(requirePeer(peer, jobId));
    open.set(link, made);
    return made;
  };
  return {
    get: (key, range) => objects.get(Key.parse(key), Range.parse(range)),
    head: (key) => objects.head(Key.parse(key)),
    put: (key, bytes, condition) => objects.put(Key.parse(key), Bytes.parse(bytes), Condition.parse(condition)),
    list: (prefix) => objects.list(Key.parse(prefix)),
    delete: (keys) => objects.delete(z.array(Key).parse(keys)),
    deliverTo: (peer, link, flush) => linkOf(Key.parse(peer), z.int().parse(link)).deliver(flush),
    creditTo: (peer, link, grants) => linkOf(Key.parse(peer), z.int().parse(link)).credit(grants),
  };
}

/** @throws SluiceException `INVALID_ARGUMENT` for what is no TaskExecutor of this very job. */
function requirePeer(peer: string, jobId: string): ResourceID {
  if (peer.startsWith(`${jobId}-te-`) && /^\d+$/.test(peer.slice(`${jobId}-te-`.length)))
    return brandId<ResourceID>(peer);
  throw new SluiceException("INVALID_ARGUMENT", `peer: expected a TaskExecutor of job ${jobId}`);
}
