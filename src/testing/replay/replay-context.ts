import { silentLogger } from "../../common/log.ts";
import { DeadLetters } from "../../rpc/dead-letters.ts";
import type { EndpointContext } from "../../rpc/endpoint-context.ts";
import type { RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../rpc/fencing/epoch.ts";
import type { Identity } from "../../rpc/fencing/identity.ts";
import { PeerTracker } from "../../rpc/fencing/peer-tracker.ts";
import type { Journal } from "../../rpc/message-log/journal.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import { DEFAULT_ASK_TIMEOUT } from "../../rpc/rpc-service.ts";
import type { RpcService } from "../../rpc/rpc-service.ts";

export interface ReplayContextOptions {
  readonly address: string;
  readonly epoch: number;
  readonly incarnation: number;
  readonly database: SqlDatabase;
  readonly journal: Journal;
  readonly nowMillis: () => number;
  readonly onSent: (envelope: RequestEnvelope) => void;
}

/** What a replayed endpoint gets from outside: nothing but what its journal says. What it sends is kept, and not answered. */
export function replayContext(options: ReplayContextOptions): EndpointContext {
  const { address, database, journal, nowMillis, onSent } = options;
  return {
    address,
    database,
    journal,
    clock: { now: nowMillis, schedule: () => ({ cancel: () => undefined }) },
    // For what is no part of any turn.
    random: { next: () => 0 },
    ids: { hex: () => "0".repeat(32) },
    log: silentLogger,
    rpcService: silentService(onSent),
    identity: new ReplayIdentity(options.epoch, options.incarnation),
    peers: new PeerTracker(),
    alarm: { get: () => undefined, set: () => undefined, delete: () => undefined },
  };
}

function silentService(onSent: (envelope: RequestEnvelope) => void): RpcService {
  const unavailable = (): never => {
    throw new Error("a replayed endpoint calls through its own gateways");
  };
  return {
    connect: unavailable,
    gateway: unavailable,
    defaultTimeout: DEFAULT_ASK_TIMEOUT,
    deadLetters: new DeadLetters(silentLogger),
    openChannel: () => ({
      send: (envelope) => {
        onSent(envelope);
        return new Promise(() => undefined);
      },
    }),
  };
}

class ReplayIdentity implements Identity {
  readonly incarnation: Incarnation;
  readonly lifecycle = "alive";
  readonly #first: number;
  #epoch: number;

  constructor(epoch: number, incarnation: number) {
    this.#first = epoch;
    this.#epoch = epoch;
    this.incarnation = incarnation as Incarnation; // was one when it was logged
  }

  get epoch(): Epoch {
    return this.#epoch as Epoch; // as above
  }

  raiseIncarnation(): void {}

  raiseEpoch(): void {
    this.#epoch += 1;
  }

  /** Only the first turn raises it. */
  reload(): void {
    this.#epoch = this.#first;
  }

  markTerminated(): void {}
}
