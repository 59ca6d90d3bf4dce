import type { Clock } from "../../common/clock.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { GatewayDescriptor, GatewayOf } from "../../rpc/gateway-descriptor.ts";
import type { Epoch } from "../../rpc/fencing/epoch.ts";
import type { Later } from "../../rpc/later.ts";
import type { MainThreadExecutor } from "../../rpc/main-thread-executor.ts";
import type { EndpointStorage } from "../../rpc/ports/storage.ts";
import type { DurableTimers } from "../../rpc/timers/durable-timers.ts";

/** What the parts of a TaskExecutor use of their endpoint; everything in its turns only. */
export interface TaskExecutorServices {
  readonly executor: MainThreadExecutor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly storage: EndpointStorage;
  readonly timers: DurableTimers;
  /** `RpcEndpoint.ask`: the continuation is a turn. */
  ask<R, T>(
    promise: Promise<R>,
    onResult: (result: R) => T | Later<T>,
    onError: (error: SluiceException) => T | Later<T>,
  ): Later<T>;
  connect<D extends GatewayDescriptor>(descriptor: D, address: string, epoch: Epoch): Promise<GatewayOf<D>>;
}
