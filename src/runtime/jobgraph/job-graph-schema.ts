import * as z from "zod";
import { SluiceException } from "../../common/exceptions.ts";
import { brandId } from "../../common/ids.ts";
import type { Branded, IntermediateDataSetID, JobID, JobVertexID, OperatorID } from "../../common/ids.ts";
import { typeFromSnapshot } from "../../common/types/row-type.ts";
import { isSerializerSnapshot } from "../../common/types/serializer-snapshot.ts";
import type { SerializerSnapshot } from "../../common/types/type-information.ts";
import { EXTERNALIZED_CHECKPOINT_RETENTIONS, MAX_PARALLELISM } from "./job-configuration.ts";
import type { JobGraph } from "./job-graph.ts";
import { RECOVERY_CLAIM_MODES } from "./savepoint-restore-settings.ts";
import { findTopologyFault } from "./job-graph-topology.ts";

/** Flink's upper bound of key groups. */
const MAX_MAX_PARALLELISM = 32_768;
const MAX_NAME_LENGTH = 1_000;
const MAX_VERTICES = 1_000;
const SHOWN_VALUE_LENGTH = 60;

function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : describe(value);
  return text.length > SHOWN_VALUE_LENGTH ? `${text.slice(0, SHOWN_VALUE_LENGTH)}...` : text;
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? `an array of ${value.length}` : "an object";
}

function expected(what: string): { readonly error: (issue: { readonly input?: unknown }) => string } {
  return {
    error: (issue) => (issue.input === undefined ? `expected ${what}` : `expected ${what}, got ${show(issue.input)}`),
  };
}

function integer(from: number, to: number): z.ZodNumber {
  const bounds = expected(
    to === Number.MAX_SAFE_INTEGER ? `an integer of at least ${from}` : `an integer from ${from} to ${to}`,
  );
  return z.number(bounds).int(bounds).min(from, bounds).max(to, bounds);
}

const whole = (from: number): z.ZodNumber => integer(from, Number.MAX_SAFE_INTEGER);

function hexId<Id extends Branded<string, string>>(): z.ZodPipe<z.ZodString, z.ZodTransform<Id, string>> {
  const digits = expected("32 lowercase hex digits");
  return z
    .string(digits)
    .regex(/^[0-9a-f]{32}$/, digits)
    .transform((text) => brandId<Id>(text));
}

function dataSetId(): z.ZodPipe<z.ZodString, z.ZodTransform<IntermediateDataSetID, string>> {
  return text().transform((value) => brandId<IntermediateDataSetID>(value));
}

function text(): z.ZodString {
  const form = expected(`a string of 1 to ${MAX_NAME_LENGTH} characters`);
  return z.string(form).min(1, form).max(MAX_NAME_LENGTH, form);
}

function sha256(): z.ZodString {
  const digits = expected("64 lowercase hex digits");
  return z.string(digits).regex(/^[0-9a-f]{64}$/, digits);
}

const shipStrategy = z.enum(["FORWARD", "HASH", "REBALANCE", "BROADCAST"], expected("a ship strategy"));

const jobConfiguration = z.strictObject({
  parallelism: integer(1, MAX_PARALLELISM),
  checkpointing: z
    .strictObject({
      intervalMillis: whole(1),
      timeoutMillis: whole(1),
      minPauseMillis: whole(0),
      maxConcurrent: whole(1),
      tolerableFailed: whole(0),
      retained: whole(1),
      externalizedRetention: z
        .enum(EXTERNALIZED_CHECKPOINT_RETENTIONS, expected(`one of ${EXTERNALIZED_CHECKPOINT_RETENTIONS.join(", ")}`))
        .exactOptional(),
    })
    .exactOptional(),
  restartStrategy: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("none") }),
    z.strictObject({ kind: z.literal("fixed-delay"), attempts: whole(0), delayMillis: whole(0) }),
    z.strictObject({
      kind: z.literal("failure-rate"),
      maxFailuresPerInterval: whole(1),
      intervalMillis: whole(1),
      delayMillis: whole(0),
    }),
    z.strictObject({
      kind: z.literal("exponential-delay"),
      initialBackoffMillis: whole(1),
      maxBackoffMillis: whole(1),
      backoffMultiplier: z.number(expected("a number of at least 1")).min(1, expected("a number of at least 1")),
      jitterFactor: z
        .number(expected("a number from 0 to 1"))
        .min(0, expected("a number from 0 to 1"))
        .max(1, expected("a number from 0 to 1")),
      resetBackoffThresholdMillis: whole(1),
      attemptsBeforeResetBackoff: whole(1),
    }),
  ]),
  userConfiguration: z.record(z.string(), z.string(expected("a string"))),
});

/** The types of `types.*` and no other: the JobMaster checks records with what it makes of it. */
const typeSnapshot = z.custom<SerializerSnapshot>(isTypeSnapshot, expected("a type made by types.*"));

function isTypeSnapshot(value: unknown): boolean {
  try {
    return isSerializerSnapshot(value) && typeFromSnapshot(value) !== undefined;
  } catch {
    return false;
  }
}

const jobVertex = z.strictObject({
  id: hexId<JobVertexID>(),
  name: text(),
  parallelism: integer(1, MAX_PARALLELISM),
  maxParallelism: integer(1, MAX_MAX_PARALLELISM),
  operators: z
    .array(
      z.strictObject({
        id: hexId<OperatorID>(),
        name: text(),
        uid: text().exactOptional(),
        kind: z.enum(["source", "operator", "sink"], expected("source, operator or sink")),
        stateful: z.boolean(expected("true or false")),
        inlet: z
          .strictObject({
            name: text(),
            type: typeSnapshot,
            timestampField: z.string(expected("a string")).exactOptional(),
          })
          .exactOptional(),
      }),
    )
    .min(1, expected("at least one operator")),
  inputs: z.array(
    z.strictObject({
      source: hexId<JobVertexID>(),
      dataSet: dataSetId(),
      shipStrategy,
      exchange: z.literal("pipelined_bounded"),
    }),
  ),
  outputs: z.array(z.strictObject({ id: dataSetId(), shipStrategy, consumer: hexId<JobVertexID>() })),
  slotSharingGroup: text(),
});

const jobGraph = z.strictObject({
  jobId: hexId<JobID>(),
  name: text(),
  jobType: z.enum(["STREAMING", "BATCH"], expected("STREAMING or BATCH")),
  vertices: z
    .array(jobVertex)
    .min(1, expected("at least one vertex"))
    .max(MAX_VERTICES, expected(`at most ${MAX_VERTICES} vertices`)),
  configuration: jobConfiguration,
  hash: sha256(),
  module: z.strictObject({ hash: sha256(), key: text(), name: text(), runtimeVersion: text() }),
  derivedMaxParallelism: z.boolean().exactOptional(),
  savepointRestoreSettings: z
    .strictObject({
      restorePath: text(),
      allowNonRestoredState: z.boolean(expected("true or false")),
      claimMode: z.enum(RECOVERY_CLAIM_MODES, expected(`one of ${RECOVERY_CLAIM_MODES.join(", ")}`)),
    })
    .exactOptional(),
});

/**
 * An untrusted job graph, checked: every field, then the graph as a whole (a source, a sink, no cycle, no dangling edge,
 * topological order, parallelism in bounds).
 *
 * @throws SluiceException INVALID_PROGRAM whose message is `<field>: expected ..., got ...`, one line per fault.
 */
export function parseJobGraph(value: unknown): JobGraph {
  const parsed = jobGraph.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${formatPath(issue.path)}: ${issue.message}`);
    throw new SluiceException("INVALID_PROGRAM", faults.join("\n"));
  }
  const fault = findTopologyFault(parsed.data.vertices);
  if (fault !== undefined) throw new SluiceException("INVALID_PROGRAM", fault);
  return parsed.data;
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "job graph";
  return path
    .map((segment) => (typeof segment === "number" ? `[${segment}]` : `.${String(segment)}`))
    .join("")
    .replace(/^\./, "");
}
