import type { Clock } from "../../common/clock.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { JobID } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Later } from "../../rpc/later.ts";
import type { DurableTimers } from "../../rpc/timers/durable-timers.ts";
import type { JobMasterGateway } from "../jobmaster/job-master-gateway.ts";
import type { ClusterName } from "../object-name.ts";
import type { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { JobResultStore } from "./job-result-store.ts";
import type { JobStore } from "./job-store.ts";

/** What the parts of a Dispatcher use of their endpoint; in its turns only. */
export interface DispatcherServices {
  readonly address: string;
  readonly cluster: ClusterName;
  readonly clock: Pick<Clock, "now">;
  readonly log: Logger;
  readonly timers: DurableTimers;
  readonly jobs: JobStore;
  readonly results: JobResultStore;
  /** `RpcEndpoint.ask`: the continuation is a turn. */
  readonly ask: <R, T>(
    promise: Promise<R>,
    onResult: (result: R) => T | Later<T>,
    onError?: (error: SluiceException) => T | Later<T>,
  ) => Later<T>;
  /** A turn of its own, after what this turn answers has left. */
  readonly later: (body: () => undefined) => void;
  readonly jobMaster: (jobId: JobID) => JobMasterGateway;
  readonly resourceManager: () => ResourceManagerGateway;
}
