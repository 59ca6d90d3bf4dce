/** Counters of one attempt since it started (Flink's IO metrics). Times in milliseconds. */
export interface TaskMetrics {
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Records sent to a subtask that runs on another TaskExecutor. */
  readonly remoteRecordsOut: number;
  readonly busyMillis: number;
  readonly idleMillis: number;
  readonly backPressuredMillis: number;
  /** Most bytes ever buffered in one input channel, and the credit limit of a channel. */
  readonly peakChannelBytes: number;
  readonly channelCreditBytes: number;
  readonly currentInputWatermark?: number;
  /** Records a source subtask has read since the job's first start; only sources have it. */
  readonly sourcePosition?: number;
  /** Records this attempt gave to its sinks, committed or not; only tasks with sinks have it. */
  readonly sinkRecords?: number;
  /** Records that windows of this attempt dropped, as they had fired already (Flink `numLateRecordsDropped`). */
  readonly lateRecordsDropped?: number;
}

export const NO_METRICS: TaskMetrics = {
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  remoteRecordsOut: 0,
  busyMillis: 0,
  idleMillis: 0,
  backPressuredMillis: 0,
  peakChannelBytes: 0,
  channelCreditBytes: 0,
};
