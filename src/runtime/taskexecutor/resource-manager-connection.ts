import { RegisteredRpcConnection } from "../../rpc/registration/registered-rpc-connection.ts";
import { DEFAULT_REGISTRATION_CONFIGURATION } from "../../rpc/registration/retrying-registration-configuration.ts";
import { seconds } from "../../common/duration.ts";
import type { InstanceID } from "../../common/ids.ts";
import type { SlotReport, TaskExecutorRegistration } from "../messages/slots.ts";
import { ResourceManagerGateway } from "../resourcemanager/resource-manager-gateway.ts";
import type { ResourceManagerId } from "../resourcemanager/resource-manager-id.ts";
import type { TaskExecutorServices } from "./task-executor-services.ts";

const REPORT_RETRY = seconds(1);

export interface ResourceManagerTarget {
  readonly resourceManagerAddress: string;
  readonly resourceManagerId: ResourceManagerId;
}

export interface ResourceManagerConnectionListener {
  onRegistered(gateway: ResourceManagerGateway): void;
  /** The ResourceManager does not want this worker (HB-09). */
  onRejected(reason: string): void;
  slotReport(): SlotReport;
}

/** The registration at the cluster's ResourceManager, first slot report included. Main thread only. */
export class ResourceManagerConnection {
  readonly target: ResourceManagerTarget;
  readonly #connection: RegisteredRpcConnection<ResourceManagerGateway, { readonly instanceId: InstanceID }>;

  constructor(
    services: TaskExecutorServices,
    connection: { readonly target: ResourceManagerTarget; readonly registration: TaskExecutorRegistration },
    listener: ResourceManagerConnectionListener,
  ) {
    const { target, registration } = connection;
    this.target = target;
    this.#connection = new RegisteredRpcConnection(
      { ...services, configuration: DEFAULT_REGISTRATION_CONFIGURATION },
      {
        address: target.resourceManagerAddress,
        connect: () =>
          services.connect(ResourceManagerGateway, target.resourceManagerAddress, target.resourceManagerId),
        register: (gateway) => gateway.registerTaskExecutor(registration),
      },
      {
        onSuccess: (gateway, { instanceId }) => {
          services.ask(
            gateway.sendSlotReport(registration.resourceId, instanceId, listener.slotReport()),
            () => {
              listener.onRegistered(gateway);
              return undefined;
            },
            (error) => {
              services.log.warn("slot report failed", { error: error.message });
              services.executor.schedule(() => {
                this.reconnect();
                return undefined;
              }, REPORT_RETRY);
              return undefined;
            },
          );
        },
        onRejection: (reason) => listener.onRejected(reason),
      },
    );
  }

  /** The gateway once registered; `undefined` before, and after {@link close}. */
  get gateway(): ResourceManagerGateway | undefined {
    return this.#connection.isClosed ? undefined : this.#connection.gateway;
  }

  start(): void {
    this.#connection.start();
  }

  /** Registers anew; nothing if it never was registered, since then it still tries. */
  reconnect(): void {
    if (this.#connection.isConnected) this.#connection.tryReconnect();
  }

  close(): void {
    this.#connection.close();
  }
}
