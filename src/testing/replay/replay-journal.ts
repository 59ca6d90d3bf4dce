import type { IdSource } from "../../common/ids.ts";
import type { Random } from "../../common/random.ts";
import type { MainThread, MainThreadOptions } from "../../rpc/main-thread.ts";
import { withTimerList } from "../../rpc/message-log/journal.ts";
import type { Journal } from "../../rpc/message-log/journal.ts";
import type { Answer, AnswerKind, Answers } from "../../rpc/message-log/log-entry.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import type { DurableTimers } from "../../rpc/timers/durable-timers.ts";
import { ReplayMainThread } from "./replay-main-thread.ts";

const KINDS = ["random", "ids", "timers"] as const;
const WHAT = { random: "random numbers", ids: "ids", timers: "lists of timers" } as const;

/** Plays back to an endpoint what its message log holds. */
export class ReplayJournal implements Journal {
  thread: ReplayMainThread | undefined;
  #answers: Answers = { random: [], ids: [], timers: [] };
  #asked = { random: 0, ids: 0, timers: 0 };

  mainThread(options: MainThreadOptions): MainThread {
    return (this.thread = new ReplayMainThread(options));
  }

  random(_source: Random): Random {
    return { next: () => this.#next("random") ?? 0 };
  }

  ids(source: IdSource): IdSource {
    return { hex: () => this.#next("ids") ?? source.hex() };
  }

  timers(timers: DurableTimers): DurableTimers {
    return withTimerList(timers, () => this.#next("timers") ?? []);
  }

  storage(database: SqlDatabase): SqlDatabase {
    return database;
  }

  serve(): void {}

  message(): void {}

  begin(): void {}

  /** The answers of the turn that runs next. */
  expect(answers: Answers): void {
    this.#answers = answers;
    this.#asked = { random: 0, ids: 0, timers: 0 };
  }

  /** How the turn that ran asked otherwise than the one that was logged; undefined if it did not. */
  divergence(): string | undefined {
    for (const kind of KINDS) {
      const [logged, asked] = [this.#answers[kind].length, this.#asked[kind]];
      if (logged !== asked) return `it asked for ${asked} ${WHAT[kind]}, the logged turn for ${logged}`;
    }
    return undefined;
  }

  #next<Kind extends AnswerKind>(kind: Kind): Answer<Kind> | undefined {
    const answer = this.#answers[kind][this.#asked[kind]];
    this.#asked[kind] += 1;
    return answer;
  }
}
