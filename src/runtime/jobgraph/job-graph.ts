import type { IntermediateDataSetID, JobID, JobVertexID, OperatorID } from "../../common/ids.ts";
import type { SerializerSnapshot } from "../../common/types/type-information.ts";
import type { JobConfiguration } from "./job-configuration.ts";
import type { SavepointRestoreSettings } from "./savepoint-restore-settings.ts";

/**
 * What a job is for the control plane: plain data, extracted from the user's module in a throw-away isolate and rebuilt
 * by every TaskExecutor, which compares {@link JobGraph.hash}. The code itself stays in the module.
 */
export interface JobGraph {
  readonly jobId: JobID;
  readonly name: string;
  readonly jobType: "STREAMING" | "BATCH";
  /** In topological order, sources first. */
  readonly vertices: readonly JobVertex[];
  readonly configuration: JobConfiguration;
  /** SHA-256 of the canonical graph without the job id, as hex. */
  readonly hash: string;
  readonly module: JobModuleReference;
  /** Nobody has set a max parallelism: those of the vertices follow from their parallelism, and from the state they start from. */
  readonly derivedMaxParallelism?: boolean;
  /** Absent: it starts empty. */
  readonly savepointRestoreSettings?: SavepointRestoreSettings;
}

/** One chain of operators, run as `parallelism` subtasks (Flink `JobVertex`). */
export interface JobVertex {
  readonly id: JobVertexID;
  /** Names of the chained operators joined by ` -> `. */
  readonly name: string;
  readonly parallelism: number;
  /** Number of key groups. */
  readonly maxParallelism: number;
  readonly operators: readonly JobOperator[];
  readonly inputs: readonly JobEdge[];
  readonly outputs: readonly IntermediateDataSet[];
  readonly slotSharingGroup: string;
}

/** One operator of a chain; its id keys its state in every snapshot. */
export interface JobOperator {
  readonly id: OperatorID;
  readonly name: string;
  /** The user's `uid()`, if any. */
  readonly uid?: string;
  readonly kind: "source" | "operator" | "sink";
  readonly stateful: boolean;
  /** Of a source: where records are sent to it. */
  readonly inlet?: Inlet;
}

/** Records are sent to it while the job runs. */
export interface Inlet {
  readonly name: string;
  /** What a record must be to be accepted. */
  readonly type: SerializerSnapshot;
  /** Field that holds its event time in epoch milliseconds, if it has one. */
  readonly timestampField?: string;
}

/** How records are spread over the consumers' subtasks (Flink's ship strategies). */
export type ShipStrategy = "FORWARD" | "HASH" | "REBALANCE" | "BROADCAST";

/** A data set produced by a vertex: one partition per subtask. */
export interface IntermediateDataSet {
  readonly id: IntermediateDataSetID;
  readonly shipStrategy: ShipStrategy;
  readonly consumer: JobVertexID;
}

/** An input of a vertex. */
export interface JobEdge {
  readonly source: JobVertexID;
  readonly dataSet: IntermediateDataSetID;
  readonly shipStrategy: ShipStrategy;
  readonly exchange: "pipelined_bounded";
}

/** The uploaded module a job runs: immutable, addressed by its content. */
export interface JobModuleReference {
  /** SHA-256 of the module's text, hex. */
  readonly hash: string;
  /** Key in the object store. */
  readonly key: string;
  /** File name the user gave. */
  readonly name: string;
  /** Version of the runtime the job is pinned to. */
  readonly runtimeVersion: string;
}
