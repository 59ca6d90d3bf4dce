import { ask, defineGateway, RpcEndpoint } from "sluice/rpc";
import type { HandlerOf, Later } from "sluice/rpc";
import * as z from "zod";

const EVERY_SECOND = "* * * * * *";
export const PERIOD_MILLIS = 1_000;
export const LEASE_MILLIS = 5_000;
export const ELECTION = "election/cron";

const Lease = z.object({ leader: z.string(), term: z.int(), until: z.int() });
export type Lease = z.output<typeof Lease>;
const Run = z.object({ due: z.int(), term: z.int() });
export type Run = z.output<typeof Run>;

export const ElectionGateway = defineGateway("Election", {
  version: 1,
  turns: "sync",
  methods: {
    /** Takes the lease if it is free, or renews it. @returns the run to do now, if the candidate leads and nobody did it. */
    campaign: ask<(candidate: string, due: number) => Run | null>(),
    lease: ask<() => Lease | null>({ readOnly: true, idempotent: true }),
  },
});

/** Decides who leads. A term never has two leaders, and a run is never given out twice. */
export class Election extends RpcEndpoint implements HandlerOf<typeof ElectionGateway> {
  campaign(candidate: string, due: number): Run | null {
    const now = this.clock.now();
    const held = this.lease();
    const free = held === null || held.until <= now;
    if (!free && held.leader !== candidate) return null;
    const term = (held?.term ?? 0) + (free ? 1 : 0);
    this.storage.put("lease", { leader: candidate, term, until: now + LEASE_MILLIS });
    if (due <= (this.storage.get("given out", z.int()) ?? 0)) return null;
    this.storage.put("given out", due);
    return { due, term };
  }

  lease(): Lease | null {
    return this.storage.get("lease", Lease) ?? null;
  }
}

export const CandidateGateway = defineGateway("Candidate", {
  version: 1,
  turns: "sync",
  methods: {
    start: ask<() => undefined>({ idempotent: true }),
    stop: ask<() => undefined>({ idempotent: true }),
    runs: ask<() => readonly Run[]>({ readOnly: true, idempotent: true }),
  },
});

/** Asks once in every period whether it is to do this period's run. */
export class Candidate extends RpcEndpoint implements HandlerOf<typeof CandidateGateway> {
  start(): undefined {
    this.timers.cron("run", EVERY_SECOND);
  }

  stop(): undefined {
    this.timers.delete("run");
  }

  // The timer is kept until the `Later` has settled: whatever happens meanwhile, there is a next time.
  protected override onTimer(): Later<undefined> {
    const due = Math.floor(this.clock.now() / PERIOD_MILLIS) * PERIOD_MILLIS;
    const run = this.gateway(ElectionGateway, ELECTION).campaign(this.address, due);
    return this.ask(run, (granted) => (granted === null ? undefined : this.#job(granted)));
  }

  /** What is to be done in every period: here, a note of it. */
  #job(run: Run): undefined {
    this.storage.put(`run/${run.due}`, run);
  }

  runs(): readonly Run[] {
    return this.storage.list("run/", Run).map(([, run]) => run);
  }
}
