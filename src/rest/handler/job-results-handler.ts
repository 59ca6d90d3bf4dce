import { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import { sleep } from "../../common/sleep.ts";
import { resultsPrefix } from "../../runtime/blob/job-object-store.ts";
import type { CommitNews } from "../../runtime/messages/commit-news.ts";
import { readCommitted } from "../../streaming/sink/committed-reader.ts";
import type { CommitCursor } from "../../streaming/sink/committed-reader.ts";
import { JobResultsHeaders } from "../messages/sluice-messages.ts";
import { queryJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

/** A follower whose question could not be answered asks again after this, and reads meanwhile what there is. */
const RETRY_MILLIS = 250;
const CHUNK_CHARACTERS = 64 * 1024;

export const JOB_RESULTS_ROUTES: readonly RestRoute[] = [
  route(JobResultsHeaders, async ({ path, query, services }) => {
    // An unknown job is an error now, not an empty stream.
    await queryJob(path.jobid, (jobId) => services.dispatcher.requestJobStatus(jobId));
    const prefix = resultsPrefix(services.cluster, path.jobid) + (query.sink === undefined ? "" : `${query.sink}/`);
    const left = new AbortController();
    const request = { jobId: path.jobid, prefix, follow: query.follow ?? true, left: left.signal };
    return new Response(streamOf(committedChunks(services, request), left), {
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
  /** The reader is gone. */
  readonly left: AbortSignal;
}

/** Lines as they are committed, several to a chunk. The JobMaster says when there is more to read. */
async function* committedChunks(
  services: ClusterServices,
  request: ResultsRequest,
): AsyncGenerator<string, void, undefined> {
  const cursor: CommitCursor = new Map();
  // None that a JobMaster counts: the first question is answered at once.
  let news: CommitNews = { commits: -1, ended: !request.follow };
  for (;;) {
    // Asked before reading: whatever was committed by the end of the job is read after it is known to have ended.
    if (!news.ended) news = await nextCommit(services, request, news);
    if (request.left.aborted) return;
    let chunk = "";
    for await (const line of readCommitted(services.objects, request.prefix, cursor)) {
      chunk += `${line}\n`;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = "";
    }
    if (chunk !== "") yield chunk;
    if (news.ended) return;
  }
}

/** Settles as soon as the reader has left. */
async function nextCommit(
  { dispatcher, clock }: ClusterServices,
  { jobId, left }: ResultsRequest,
  { commits }: CommitNews,
): Promise<CommitNews> {
  const gone = Promise.withResolvers<CommitNews>();
  const leave = (): void => gone.resolve({ commits, ended: true });
  left.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([dispatcher.awaitCommit(jobId, commits), gone.promise]);
  } catch (error) {
    // Its result has expired, and was read to the end.
    if (SluiceException.is(error, "JOB_NOT_FOUND")) return { commits, ended: true };
    await sleep(clock, RETRY_MILLIS, left).catch(() => undefined);
    return { commits: -1, ended: false };
  } finally {
    left.removeEventListener("abort", leave);
  }
}

/** Pulls only what the reader takes; a reader that leaves ends the generator. */
function streamOf(chunks: AsyncGenerator<string, void, undefined>, left: AbortController): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      left.abort();
      await chunks.return();
    },
  });
}
