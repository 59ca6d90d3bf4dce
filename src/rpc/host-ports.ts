import type { Clock } from "../common/clock.ts";
import type { IdSource } from "../common/ids.ts";
import type { Logger } from "../common/log.ts";
import type { Random } from "../common/random.ts";
import type { Alarm } from "./ports/alarm.ts";
import type { SqlDatabase } from "./ports/storage.ts";
import type { RpcService } from "./rpc-service.ts";

/** What a host supplies for the endpoints it carries. */
export interface HostPorts {
  readonly rpcService: RpcService;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly database?: SqlDatabase;
  /** Present iff `database` is. */
  readonly alarm?: Alarm;
}
