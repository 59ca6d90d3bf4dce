import type { JobID } from "../../common/ids.ts";
import { sleep } from "../../common/sleep.ts";
import { resultsPrefix } from "../../runtime/blob/job-object-store.ts";
import { isGloballyTerminal } from "../../runtime/messages/job-status.ts";
import { readCommitted } from "../../streaming/sink/committed-reader.ts";
import type { CommitCursor } from "../../streaming/sink/committed-reader.ts";
import { JobResultsHeaders } from "../messages/sluice-messages.ts";
import { queryJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

/**
 * How often a follower looks for new commits: soon at first, for jobs that end soon, and after each commit; then more seldom,
 * as commits come with checkpoints.
 */
const MIN_FOLLOW_INTERVAL_MILLIS = 25;
const MAX_FOLLOW_INTERVAL_MILLIS = 500;
/** Part of the time since the last commit that a follower may be late. */
const FOLLOW_LATENESS = 1 / 8;
const CHUNK_CHARACTERS = 64 * 1024;

export const JOB_RESULTS_ROUTES: readonly RestRoute[] = [
  route(JobResultsHeaders, async ({ path, query, services }) => {
    // An unknown job is an error now, not an empty stream.
    await queryJob(path.jobid, (jobId) => services.dispatcher.requestJobStatus(jobId));
    const prefix = resultsPrefix(services.cluster, path.jobid) + (query.sink === undefined ? "" : `${query.sink}/`);
    const chunks = committedChunks(services, { jobId: path.jobid, prefix, follow: query.follow ?? true });
    return new Response(streamOf(chunks), {
      headers: {
        "content-type": "application/x-ndjson; charset=UTF-8",
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
        // Proxies between us and a follower must not wait for more.
        "cache-control": "no-cache, no-transform",
      },
    });
  }),
];

interface ResultsRequest {
  readonly jobId: JobID;
  readonly prefix: string;
  readonly follow: boolean;
}

/** Lines as they are committed, several to a chunk. */
async function* committedChunks(
  services: ClusterServices,
  { jobId, prefix, follow }: ResultsRequest,
): AsyncGenerator<string, void, undefined> {
  const cursor: CommitCursor = new Map();
  let waitedMillis = 0;
  for (;;) {
    // Asked before reading: whatever was committed by the end of the job is read after it is known to have ended.
    const ended = !follow || isGloballyTerminal(await services.dispatcher.requestJobStatus(jobId));
    let chunk = "";
    for await (const line of readCommitted(services.objects, prefix, cursor)) {
      waitedMillis = 0;
      chunk += `${line}\n`;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = "";
    }
    if (chunk !== "") yield chunk;
    if (ended) return;
    const intervalMillis = Math.max(MIN_FOLLOW_INTERVAL_MILLIS, waitedMillis * FOLLOW_LATENESS);
    await sleep(services.clock, Math.min(intervalMillis, MAX_FOLLOW_INTERVAL_MILLIS));
    waitedMillis += intervalMillis;
  }
}

/** Pulls only what the reader takes; a reader that leaves ends the generator. */
function streamOf(chunks: AsyncGenerator<string, void, undefined>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await chunks.return();
    },
  });
}
