import { seconds } from "../../common/duration.ts";
import type { JobID } from "../../common/ids.ts";
import { HeartbeatManager } from "../../rpc/heartbeat/heartbeat-manager.ts";
import { DEFAULT_HEARTBEAT_OPTIONS } from "../../rpc/heartbeat/heartbeat-options.ts";
import { RegisteredRpcConnection } from "../../rpc/registration/registered-rpc-connection.ts";
import { DEFAULT_REGISTRATION_CONFIGURATION } from "../../rpc/registration/retrying-registration-configuration.ts";
import type { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { ResourceRequirements } from "../messages/slots.ts";
import type { ResourceManagerId } from "../resourcemanager/resource-manager-id.ts";
import type { JobMasterServices } from "./job-master-services.ts";

const DECLARE_RETRY_DELAY = seconds(1);

/** What a job declares of itself. */
export type JobNeed = Pick<ResourceRequirements, "slots" | "sleeps" | "module">;

export interface ResourceManagerTarget {
  readonly jobId: JobID;
  readonly address: string;
  connect(): Promise<ResourceManagerGateway>;
}

/**
 * The JobMaster's connection to the ResourceManager: registers until accepted, declares the job's whole requirement
 * after each registration (SCH-19), and registers anew when the ResourceManager falls silent; the job runs on meanwhile
 * (HB-05).
 */
export class ResourceManagerConnection {
  readonly #services: JobMasterServices;
  readonly #target: ResourceManagerTarget;
  readonly #need: JobNeed;
  readonly #connection: RegisteredRpcConnection<
    ResourceManagerGateway,
    { readonly resourceManagerId: ResourceManagerId }
  >;
  readonly #heartbeats: HeartbeatManager<undefined, undefined>;

  constructor(services: JobMasterServices, target: ResourceManagerTarget, need: JobNeed) {
    this.#services = services;
    this.#target = target;
    this.#need = need;
    const { executor, random, log, clock, jobMasterId, address } = services;
    this.#connection = new RegisteredRpcConnection(
      { executor, random, log, configuration: DEFAULT_REGISTRATION_CONFIGURATION },
      {
        address: target.address,
        connect: () => target.connect(),
        register: (gateway) => gateway.registerJobMaster(jobMasterId, address, target.jobId),
      },
      {
        onSuccess: (gateway) => this.#onRegistered(gateway),
        // A ResourceManager rejects only an epoch that was superseded: there is nobody left to tell.
        onRejection: (reason) => log.error("the ResourceManager rejected this JobMaster", { reason }),
      },
    );
    this.#heartbeats = new HeartbeatManager({
      executor,
      clock,
      options: DEFAULT_HEARTBEAT_OPTIONS,
      listener: {
        notifyHeartbeatTimeout: () => this.#reconnect("no heartbeat"),
        notifyTargetUnreachable: () => this.#reconnect("unreachable"),
        reportPayload: () => undefined,
        retrievePayload: () => undefined,
      },
    });
  }

  start(): void {
    this.#connection.start();
  }

  /** A heartbeat of the ResourceManager, to be answered (H22). */
  receiveHeartbeat(resourceManagerAddress: string): void {
    this.#heartbeats.requestHeartbeat(resourceManagerAddress, undefined);
  }

  /** Idempotent. */
  close(): void {
    this.#connection.close();
    this.#heartbeats.stop();
  }

  #onRegistered(gateway: ResourceManagerGateway): void {
    const { jobId } = this.#target;
    this.#heartbeats.monitorTarget(this.#target.address, () => {
      gateway.heartbeatFromJobManager(jobId);
      return undefined;
    });
    const requirements = { jobId, jobMasterAddress: this.#services.address, ...this.#need };
    this.#services.whenSettled(
      gateway.declareRequiredResources(this.#services.jobMasterId, requirements),
      () => undefined,
      // The registration itself went well, so its own pauses do not hold this back.
      (error) => this.#services.executor.schedule(() => this.#reconnect(error.message), DECLARE_RETRY_DELAY),
    );
  }

  #reconnect(reason: string): undefined {
    this.#services.log.warn("registering at the ResourceManager again", { reason });
    this.#heartbeats.unmonitorTarget(this.#target.address);
    this.#connection.tryReconnect();
  }
}
