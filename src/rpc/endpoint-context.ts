import type { Clock } from "../common/clock.ts";
import type { IdSource } from "../common/ids.ts";
import type { Logger } from "../common/log.ts";
import type { Random } from "../common/random.ts";
import type { Identity } from "./fencing/identity.ts";
import type { PeerTracker } from "./fencing/peer-tracker.ts";
import type { Journal } from "./message-log/journal.ts";
import type { Alarm } from "./ports/alarm.ts";
import type { SqlDatabase } from "./ports/storage.ts";
import type { RpcService } from "./rpc-service.ts";

/**
 * Everything an endpoint gets from outside: made by its host for one activation and given to the constructor of
 * `RpcEndpoint`. Endpoint code reaches it through the protected members of that class only.
 */
export interface EndpointContext {
  /** Name of the endpoint's object, e.g. `v1/-/default/job-master/<id>`. */
  readonly address: string;
  readonly rpcService: RpcService;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  /** Epoch and incarnation of this activation, the latter raised already. */
  readonly identity: Identity;
  /** What the endpoint has heard of its peers; outlives it where its host builds it anew after a throw. */
  readonly peers: PeerTracker;
  /** Absent for an endpoint that keeps nothing durably. */
  readonly database?: SqlDatabase;
  /** Present iff `database` is. */
  readonly alarm?: Alarm;
  /** @internal replay's; in place of the endpoint's message log. */
  readonly journal?: Journal;
}

/** `recovered`: the object lived before (its stored incarnation was above zero). */
export type ActivationReason = "created" | "recovered";
