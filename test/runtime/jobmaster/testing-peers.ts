import { ACKNOWLEDGE, type Acknowledge } from "../../../src/common/acknowledge.ts";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { brandId, type InstanceID } from "../../../src/common/ids.ts";
import type { EndpointContext } from "../../../src/rpc/endpoint-context.ts";
import { FencedRpcEndpoint } from "../../../src/rpc/fenced-rpc-endpoint.ts";
import type { HandlerOf } from "../../../src/rpc/gateway-descriptor.ts";
import { RpcEndpoint } from "../../../src/rpc/rpc-endpoint.ts";
import type { DispatcherGateway } from "../../../src/runtime/dispatcher/dispatcher-gateway.ts";
import type { ResourceManagerGateway } from "../../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import type { ResourceManagerId } from "../../../src/runtime/resourcemanager/resource-manager-id.ts";
import type { TaskRefusal } from "../../../src/runtime/messages/task-deployment-batch.ts";
import type { TaskExecutorGateway } from "../../../src/runtime/taskexecutor/task-executor-gateway.ts";

/** One call that a double got. */
export interface RecordedCall {
  readonly to: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a test decides for the doubles: a method named here throws. */
export interface Doubles {
  readonly calls: RecordedCall[];
  readonly failing: Map<string, SluiceException>;
}

function record(doubles: Doubles, to: string, call: readonly [method: string, ...args: unknown[]]): Acknowledge {
  const [method, ...args] = call;
  doubles.calls.push({ to, method, args });
  const failure = doubles.failing.get(method);
  if (failure !== undefined) throw failure;
  return ACKNOWLEDGE;
}

function unsupported(method: string): never {
  throw new SluiceException("UNSUPPORTED_OPERATION", `${method} is not asked of this double`);
}

/** Commands are recorded and acknowledged. */
export class TestingTaskExecutor extends RpcEndpoint implements HandlerOf<typeof TaskExecutorGateway> {
  readonly #record: (...call: readonly [method: string, ...args: unknown[]]) => Acknowledge;

  constructor(context: EndpointContext, doubles: Doubles) {
    super(context);
    const name = context.address.split("/").at(-1)?.split("-").slice(1).join("-") ?? "";
    this.#record = (...call) => record(doubles, name, call);
  }

  startTaskExecutor(...args: readonly unknown[]): Acknowledge {
    return this.#record("startTaskExecutor", ...args);
  }
  requestSlot(...args: readonly unknown[]): Acknowledge {
    return this.#record("requestSlot", ...args);
  }
  freeSlot(...args: readonly unknown[]): Acknowledge {
    return this.#record("freeSlot", ...args);
  }
  submitTask(...args: readonly unknown[]): Acknowledge {
    return this.#record("submitTask", ...args);
  }
  submitTasks(...args: readonly unknown[]): readonly TaskRefusal[] {
    this.#record("submitTasks", ...args);
    return [];
  }
  cancelTask(...args: readonly unknown[]): Acknowledge {
    return this.#record("cancelTask", ...args);
  }
  triggerCheckpoint(...args: readonly unknown[]): Acknowledge {
    return this.#record("triggerCheckpoint", ...args);
  }
  confirmCheckpoint(...args: readonly unknown[]): undefined {
    this.#record("confirmCheckpoint", ...args);
  }
  abortCheckpoint(...args: readonly unknown[]): undefined {
    this.#record("abortCheckpoint", ...args);
  }
  heartbeatFromJobManager(...args: readonly unknown[]): undefined {
    this.#record("heartbeatFromJobManager", ...args);
  }
  heartbeatFromResourceManager(): undefined {}
  disconnectJobManager(...args: readonly unknown[]): undefined {
    this.#record("disconnectJobManager", ...args);
  }
  disconnectResourceManager(): undefined {}
  releaseTaskExecutor(...args: readonly unknown[]): Acknowledge {
    return this.#record("releaseTaskExecutor", ...args);
  }
}

export class TestingResourceManager
  extends FencedRpcEndpoint<ResourceManagerId>
  implements HandlerOf<typeof ResourceManagerGateway>
{
  readonly #record: (...call: readonly [method: string, ...args: unknown[]]) => Acknowledge;

  constructor(context: EndpointContext, doubles: Doubles) {
    super(context);
    this.#record = (...call) => record(doubles, "rm", call);
  }

  registerJobMaster(...args: readonly unknown[]) {
    this.#record("registerJobMaster", ...args);
    return { kind: "success", resourceManagerId: this.getFencingToken() } as const;
  }
  declareRequiredResources(...args: readonly unknown[]): Acknowledge {
    return this.#record("declareRequiredResources", ...args);
  }
  registerTaskExecutor() {
    const instanceId = brandId<InstanceID>("unused");
    return { kind: "success", instanceId, resourceManagerId: this.getFencingToken() } as const;
  }
  sendSlotReport(): Acknowledge {
    return unsupported("sendSlotReport");
  }
  requestSlot(): Acknowledge {
    return unsupported("requestSlot");
  }
  notifySlotAvailable(): undefined {}
  heartbeatFromTaskManager(): undefined {}
  heartbeatFromJobManager(...args: readonly unknown[]): undefined {
    this.#record("heartbeatFromJobManager", ...args);
  }
  disconnectTaskManager(): undefined {}
  disconnectJobManager(...args: readonly unknown[]): Acknowledge {
    return this.#record("disconnectJobManager", ...args);
  }
  suspendJob(...args: readonly unknown[]): Acknowledge {
    return this.#record("suspendJob", ...args);
  }
  requestTaskManagerInfo(): never {
    return unsupported("requestTaskManagerInfo");
  }
  requestTaskManagerDetailsInfo(): never {
    return unsupported("requestTaskManagerDetailsInfo");
  }
  requestResourceOverview(): never {
    return unsupported("requestResourceOverview");
  }
  openCluster(): never {
    return unsupported("openCluster");
  }
  closeCluster(): never {
    return unsupported("closeCluster");
  }
}

export class TestingDispatcher extends FencedRpcEndpoint implements HandlerOf<typeof DispatcherGateway> {
  readonly #record: (...call: readonly [method: string, ...args: unknown[]]) => Acknowledge;

  constructor(context: EndpointContext, doubles: Doubles) {
    super(context);
    this.#record = (...call) => record(doubles, "dispatcher", call);
  }

  jobReachedTerminalState(...args: readonly unknown[]): Acknowledge {
    return this.#record("jobReachedTerminalState", ...args);
  }
  submitJob(): never {
    return unsupported("submitJob");
  }
  lookupIdempotencyKey(): never {
    return unsupported("lookupIdempotencyKey");
  }
  cancelJob(): never {
    return unsupported("cancelJob");
  }
  listJobs(): never {
    return unsupported("listJobs");
  }
  requestMultipleJobDetails(): never {
    return unsupported("requestMultipleJobDetails");
  }
  requestJob(): never {
    return unsupported("requestJob");
  }
  awaitCommit(): never {
    return unsupported("awaitCommit");
  }
  requestJobStatus(): never {
    return unsupported("requestJobStatus");
  }
  requestCheckpointStats(): never {
    return unsupported("requestCheckpointStats");
  }
  requestCheckpointSubtasks(): never {
    return unsupported("requestCheckpointSubtasks");
  }
  triggerCheckpoint(): never {
    return unsupported("triggerCheckpoint");
  }
  triggerSavepoint(): never {
    return unsupported("triggerSavepoint");
  }
  stopWithSavepoint(): never {
    return unsupported("stopWithSavepoint");
  }
  getTriggeredCheckpointStatus(): never {
    return unsupported("getTriggeredCheckpointStatus");
  }
  getTriggeredSavepointStatus(): never {
    return unsupported("getTriggeredSavepointStatus");
  }
  disposeSavepoint(): never {
    return unsupported("disposeSavepoint");
  }
  getSavepointDisposalStatus(): never {
    return unsupported("getSavepointDisposalStatus");
  }
  pushRecords(): never {
    return unsupported("pushRecords");
  }
  requestJobResult(): never {
    return unsupported("requestJobResult");
  }
  requestClusterOverview(): never {
    return unsupported("requestClusterOverview");
  }
  registerModule(): never {
    return unsupported("registerModule");
  }
  listModules(): never {
    return unsupported("listModules");
  }
  deleteModule(): never {
    return unsupported("deleteModule");
  }
  openCluster(): never {
    return unsupported("openCluster");
  }
  closeCluster(): never {
    return unsupported("closeCluster");
  }
  requestClusterQuotas(): never {
    return unsupported("requestClusterQuotas");
  }
}
