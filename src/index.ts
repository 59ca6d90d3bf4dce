/**
 * The module `sluice`: what a job imports. In the cluster the platform supplies it at load, so a bundle holds the user's
 * code only.
 */
export { days, hours, milliseconds, minutes, seconds } from "./common/duration.ts";
export type { Duration } from "./common/duration.ts";
export { SluiceException } from "./common/exceptions.ts";
export type { ExceptionCode } from "./common/exceptions.ts";
export type { JsonValue } from "./common/types/json-type.ts";
export { types } from "./common/types/type-factories.ts";
export type { RowFields, RowOf, TypeOf } from "./common/types/type-factories.ts";
export type { TypeInformation } from "./common/types/type-information.ts";
export type { DataStream, KeyedStream, WindowedStream, WindowResult } from "./streaming/api/data-stream.ts";
export { defineJob } from "./streaming/api/define-job.ts";
export type { CheckpointingOptions, JobOptions } from "./streaming/api/define-job.ts";
export type { ExponentialDelayOptions, FailureRateOptions, RestartOptions } from "./streaming/api/restart-options.ts";
export type { DataStreamSink } from "./streaming/api/program-step.ts";
export type { StreamExecutionEnvironment } from "./streaming/api/stream-execution-environment.ts";
export type { JobDefinition } from "./streaming/graph/job-definition.ts";
export type { AggregateFunction } from "./streaming/operators/aggregate-function.ts";
export { count, max, mean, min, sum } from "./streaming/operators/aggregates.ts";
export type { NumberSelector, RoundingOptions } from "./streaming/operators/aggregates.ts";
export type { Sink } from "./streaming/sink/sink.ts";
export { CollectSink } from "./streaming/sink/collect-sink.ts";
export { ObjectSink } from "./streaming/sink/object-sink.ts";
export { CollectionSource } from "./streaming/source/collection-source.ts";
export { DatagenSource } from "./streaming/source/datagen-source.ts";
export { HttpSource } from "./streaming/source/http-source.ts";
export { ObjectSource } from "./streaming/source/object-source.ts";
export type { Source } from "./streaming/source/source.ts";
export { WatermarkStrategy } from "./streaming/time/watermark-strategy.ts";
export type { TimestampAssigner } from "./streaming/time/watermark-strategy.ts";
export type { TimeWindow } from "./streaming/windowing/time-window.ts";
export { TumblingEventTimeWindows } from "./streaming/windowing/tumbling-event-time-windows.ts";
export type { WindowAssigner } from "./streaming/windowing/window-assigner.ts";
