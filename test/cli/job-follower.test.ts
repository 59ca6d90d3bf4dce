import { describe, expect, it } from "vitest";
import { followJob } from "../../src/cli/job-follower.ts";
import { RestClient } from "../../src/client/rest-client.ts";
import { SluiceException } from "../../src/common/exceptions.ts";
import type { SluiceJobInfo } from "../../src/rest/messages/sluice-messages.ts";
import { sluiceJobInfo } from "../../src/rest/view/sluice-job-info.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { executionGraphInfo, JOB_ID } from "../rest/jobs.ts";
import { NOW } from "../rest/rest-harness.ts";

const RUNNING = sluiceJobInfo(executionGraphInfo(JOB_ID), NOW);
const FINISHED: SluiceJobInfo = { ...RUNNING, state: "FINISHED" };
const SILENCE = new SluiceException("UNAVAILABLE", "nobody answers", { retryable: true });

/** Answers with these, one per request; the last one for ever. */
class ScriptedClient extends RestClient {
  readonly #answers: (SluiceJobInfo | Error)[];

  constructor(answers: readonly (SluiceJobInfo | Error)[]) {
    super({ url: "http://sluice.test" });
    this.#answers = [...answers];
  }

  override async requestJob(): Promise<SluiceJobInfo> {
    const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error("no answer");
    return answer;
  }
}

function follow(answers: readonly (SluiceJobInfo | Error)[], until?: (job: SluiceJobInfo) => boolean) {
  const clock = new ManualClock(NOW);
  const seen: number[] = [];
  const followed = followJob({
    client: new ScriptedClient(answers),
    jobId: JOB_ID,
    clock,
    signal: new AbortController().signal,
    onProgress: (_, elapsed) => seen.push(elapsed),
    ...(until === undefined ? {} : { until }),
  }).catch((error: unknown) => error);
  return { clock, seen, followed };
}

describe("followJob", () => {
  it("polls until the job is over", async () => {
    const { clock, seen, followed } = follow([RUNNING, RUNNING, FINISHED]);
    await clock.advance(10_000);
    expect(await followed).toBe(FINISHED);
    expect(seen).toEqual([0, 250, 500]);
  });

  it("ends early where it is told to", async () => {
    const { followed } = follow([RUNNING], (job) => job.checkpoints >= 2);
    expect(await followed).toBe(RUNNING);
  });

  it("waits for a worker that restarts", async () => {
    const { clock, followed } = follow([RUNNING, SILENCE, SILENCE, FINISHED]);
    await clock.advance(10_000);
    expect(await followed).toBe(FINISHED);
  });

  it("gives up on one that stays silent, and at once on any other fault", async () => {
    const silent = follow([RUNNING, SILENCE]);
    await silent.clock.advance(40_000);
    expect(await silent.followed).toBe(SILENCE);
    const gone = new SluiceException("NOT_FOUND", "Job not found");
    expect(await follow([RUNNING, gone].slice(1)).followed).toBe(gone);
  });
});
