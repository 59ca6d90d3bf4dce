/** The actor layer alone: typed gateways, ordered mailbox, transactional turns, fencing, deadlines, timers. */
export { ACKNOWLEDGE } from "../common/acknowledge.ts";
export type { Acknowledge } from "../common/acknowledge.ts";
export { days, hours, milliseconds, minutes, seconds } from "../common/duration.ts";
export type { Duration } from "../common/duration.ts";
export { fromErrorData, fromUnknown, SluiceException, toErrorData } from "../common/exceptions.ts";
export type { ErrorData, ExceptionCode } from "../common/exceptions.ts";
export type { ScheduledCallback } from "../common/clock.ts";
export type { ValueType } from "../common/value-type.ts";
export type { WireValue } from "../common/wire-value.ts";
export type {
  CallFilter,
  CallFilters,
  CallObserver,
  CallResult,
  IncomingCall,
  IncomingCallFilter,
} from "./call-filter.ts";
export type { OutgoingCall, OutgoingCallFilter } from "./call-filter.ts";
export { withOptions } from "./call-options.ts";
export type { CallOptions } from "./call-options.ts";
export { DeadLetters } from "./dead-letters.ts";
export type { DeadLetter, DeadLetterReason } from "./dead-letters.ts";
export type { ActivationReason, EndpointContext } from "./endpoint-context.ts";
export * from "./exceptions.ts";
export { FencedRpcEndpoint } from "./fenced-rpc-endpoint.ts";
export { compareIdentity } from "./fencing/epoch.ts";
export type { Epoch, Incarnation, SenderIdentity } from "./fencing/epoch.ts";
export { ask, defineGateway, stream, tell } from "./gateway-descriptor.ts";
export type { GatewayDescriptor, GatewayOf, HandlerOf, MethodOptions, TurnMode } from "./gateway-descriptor.ts";
export type { HeartbeatListener, HeartbeatTarget } from "./heartbeat/heartbeat-listener.ts";
export { HeartbeatManager } from "./heartbeat/heartbeat-manager.ts";
export type { HeartbeatManagerServices } from "./heartbeat/heartbeat-manager.ts";
export { HeartbeatManagerSender } from "./heartbeat/heartbeat-manager-sender.ts";
export { DEFAULT_HEARTBEAT_OPTIONS, RPC_FAILURES_IGNORED } from "./heartbeat/heartbeat-options.ts";
export type { HeartbeatOptions } from "./heartbeat/heartbeat-options.ts";
export { ItemStream } from "./item-stream.ts";
export { Later } from "./later.ts";
export { MainThreadExecutor } from "./main-thread-executor.ts";
export type { MailboxBounds } from "./mailbox.ts";
export { MessageLogGateway } from "./message-log/message-log-gateway.ts";
export type { MessageLogOptions, StoredMessageLog } from "./message-log/message-ring.ts";
export { DiagnosticsGateway } from "./method-counters.ts";
export type { Measure, MethodCounters } from "./method-counters.ts";
export type { Alarm } from "./ports/alarm.ts";
export type { EndpointStorage, SqlDatabase, SqlRow, SqlValue } from "./ports/storage.ts";
export { RegisteredRpcConnection } from "./registration/registered-rpc-connection.ts";
export type { RegistrationResponse } from "./registration/registration-response.ts";
export { RetryingRegistration } from "./registration/retrying-registration.ts";
export type {
  RegistrationListener,
  RegistrationServices,
  RegistrationTarget,
} from "./registration/retrying-registration.ts";
export { DEFAULT_REGISTRATION_CONFIGURATION } from "./registration/retrying-registration-configuration.ts";
export type { RetryingRegistrationConfiguration } from "./registration/retrying-registration-configuration.ts";
export { RpcEndpoint } from "./rpc-endpoint.ts";
export type { CurrentCall, RpcEndpointOptions } from "./rpc-endpoint.ts";
export type { FencedRpcGateway, RpcGateway } from "./rpc-gateway.ts";
export type { RpcService } from "./rpc-service.ts";
export type { DurableTimers, TimerFiring } from "./timers/durable-timers.ts";
