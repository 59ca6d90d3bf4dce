import { abortable } from "./abortable.ts";
import type { RestClient } from "../client/rest-client.ts";
import { SluiceException } from "../common/exceptions.ts";
import type { Clock } from "../common/clock.ts";
import { sleep } from "../common/sleep.ts";
import { isTerminalJobStatus } from "../rest/messages/states.ts";
import type { SluiceJobInfo } from "../rest/messages/sluice-messages.ts";

const POLL_INTERVAL_MILLIS = 250;
/** How long the worker may not answer (it restarts, a deploy) before following gives up. */
const SILENCE_LIMIT_MILLIS = 30_000;

export interface FollowOptions {
  readonly client: RestClient;
  readonly jobId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (job: SluiceJobInfo, elapsed: number) => void;
  /** Ends the following early. */
  readonly until?: (job: SluiceJobInfo) => boolean;
  /** When the job was submitted, if that is not now. */
  readonly since?: number;
}

/** Polls a job until it is terminal, and gives its last picture. Answers that may come later are waited for. */
export async function followJob(options: FollowOptions): Promise<SluiceJobInfo> {
  const { client, jobId, clock, signal, onProgress, until } = options;
  const since = options.since ?? clock.now();
  let answeredAt = clock.now();
  for (;;) {
    try {
      const job = await abortable(client.requestJob(jobId), signal);
      answeredAt = clock.now();
      onProgress(job, answeredAt - since);
      if (isTerminalJobStatus(job.state) || until?.(job) === true) return job;
    } catch (error) {
      const mayAnswerLater = SluiceException.is(error) && error.retryable;
      if (!mayAnswerLater || clock.now() - answeredAt > SILENCE_LIMIT_MILLIS) throw error;
    }
    await sleep(clock, POLL_INTERVAL_MILLIS, signal);
  }
}
