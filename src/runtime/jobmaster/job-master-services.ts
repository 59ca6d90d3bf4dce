import type { Clock } from "../../common/clock.ts";
import type { SluiceException } from "../../common/exceptions.ts";
import type { IdSource } from "../../common/ids.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { MainThreadExecutor } from "../../rpc/main-thread-executor.ts";
import type { JobMasterId } from "./job-master-id.ts";

/** What the parts of a JobMaster use of its endpoint; in its turns only. */
export interface JobMasterServices {
  readonly address: string;
  /** The epoch of this activation. */
  readonly jobMasterId: JobMasterId;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Logger;
  readonly executor: MainThreadExecutor;
  /**
   * Waits without `await`: one of the continuations runs as a later turn of this activation, or none if it ends before.
   */
  readonly whenSettled: <R>(
    promise: Promise<R>,
    onResult: (result: R) => void,
    onError: (error: SluiceException) => void,
  ) => void;
}
