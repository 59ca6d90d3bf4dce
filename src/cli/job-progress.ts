import type { SluiceJobInfo } from "../rest/messages/sluice-messages.ts";
import { formatBar, formatCount, formatJobId, formatWholeSeconds } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** A plain log gets at most one line per this many milliseconds while the state stays the same. */
const PLAIN_INTERVAL_MILLIS = 2_000;

const ASLEEP = "asleep";

/** Shows how a job gets on: a live line on a screen, now and then a line elsewhere, and one for all the time it sleeps. */
export class JobProgress {
  readonly #terminal: Terminal;
  readonly #total: number | undefined;
  #said = "";
  #shownAt = 0;

  /** @param total records that the job will read, if that is known: then there is a bar. */
  constructor(terminal: Terminal, total?: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  /** @param elapsed milliseconds since the job was submitted. */
  show(job: SluiceJobInfo, elapsed: number): void {
    const text = formatProgress(job, { elapsed, total: this.#total });
    if (this.#terminal.isLive) {
      this.#terminal.live(text);
      return;
    }
    const said = job.quiescent ? ASLEEP : job.state;
    const tooSoon = job.quiescent || elapsed - this.#shownAt < PLAIN_INTERVAL_MILLIS;
    if (said === this.#said && tooSoon) return;
    this.#said = said;
    this.#shownAt = elapsed;
    this.#terminal.line(text);
  }
}

/** `  job 7c0d4a…  RUNNING   tasks 8/8   in 912  out 84   checkpoint 7   [######----]  6 s` */
export function formatProgress(
  job: SluiceJobInfo,
  { elapsed, total }: { readonly elapsed: number; readonly total: number | undefined },
): string {
  const ended = job.state === "FINISHED";
  const parts = [
    `  job ${formatJobId(job.id)}  ${job.state.padEnd(8)}`,
    `tasks ${ended ? job.tasksTotal : job.tasksRunning}/${job.tasksTotal}`,
    `in ${formatCount(job.recordsIn)}  out ${formatCount(job.recordsOut)}`,
    `checkpoint ${job.latestCheckpointId ?? "-"}`,
  ];
  if (job.restarts > 0) parts.push(`restarts ${job.restarts}`);
  if (job.quiescent) parts.push(ASLEEP);
  const bar = total === undefined ? "" : `${formatBar(job.recordsIn / total)}  `;
  return `${parts.join("   ")}   ${bar}${formatWholeSeconds(elapsed)}`;
}
