import { brandId } from "../../common/ids.ts";
import type { OperatorID } from "../../common/ids.ts";
import { hashedId } from "./graph-hash.ts";
import { invalidProgram } from "./invalid-program.ts";
import { resolveMaxParallelism } from "./parallelism.ts";
import type { StreamEdge, StreamNode, StreamNodeImplementation } from "./stream-node.ts";
import type { Transformation } from "./transformation.ts";

/** The logical graph: one node per operator (Flink `StreamGraph`). */
export interface StreamGraph {
  /** Inputs before their consumers. */
  readonly nodes: readonly StreamNode[];
  /** Canonical description of each node, for the graph's hash. */
  readonly descriptions: ReadonlyMap<OperatorID, string>;
}

export interface StreamGraphSettings {
  readonly parallelism: number;
  readonly maxParallelism: number | undefined;
}

/**
 * Makes the logical graph of a program.
 *
 * Operator ids are Flink's idea: a hash of `uid()`, or of the position, which is the input's id and the place among its
 * consumers. Names and functions are no part of it, so renaming keeps state; a change in one branch leaves the ids of the
 * others as they are.
 *
 * @throws INVALID_PROGRAM if there is no source or no sink, a stream that leads nowhere, a cycle or a duplicate uid.
 */
export async function generateStreamGraph(
  transformations: readonly Transformation[],
  settings: StreamGraphSettings,
): Promise<StreamGraph> {
  const ordered = inputsFirst(transformations);
  requireComplete(ordered);
  requireDistinctUids(ordered);
  const ids = new Map<Transformation | undefined, OperatorID>();
  const consumers = new Map<Transformation | undefined, number>();
  const nodes: StreamNode[] = [];
  const descriptions = new Map<OperatorID, string>();
  for (const transformation of ordered) {
    const from = transformation.input?.from;
    const place = consumers.get(from) ?? 0;
    consumers.set(from, place + 1);
    const identity =
      transformation.uid === undefined ? { input: ids.get(from) ?? null, place } : { uid: transformation.uid };
    const operatorId = brandId<OperatorID>(await hashedId(identity));
    ids.set(transformation, operatorId);
    nodes.push(nodeOf(transformation, { operatorId, input: ids.get(from), settings }));
    descriptions.set(operatorId, describe(transformation));
  }
  return { nodes: withShipStrategies(nodes), descriptions };
}

function inputsFirst(transformations: readonly Transformation[]): readonly Transformation[] {
  const ordered = new Set<Transformation>();
  for (const transformation of transformations) {
    const path: Transformation[] = [];
    let next: Transformation | undefined = transformation;
    while (next !== undefined && !ordered.has(next)) {
      if (path.includes(next))
        throw invalidProgram(`The graph has a cycle through ${quoted(next)}. Streams may only flow forward.`);
      path.push(next);
      next = next.input?.from;
    }
    for (const step of path.toReversed()) ordered.add(step);
  }
  return [...ordered];
}

function requireComplete(transformations: readonly Transformation[]): void {
  if (!transformations.some(({ body }) => body.kind === "source")) {
    throw invalidProgram("The job has no source. Begin with env.fromSource(...) or env.fromCollection(...).");
  }
  if (!transformations.some(({ body }) => body.kind === "sink")) {
    throw invalidProgram("The job has no sink. End a stream with .sinkTo(...).");
  }
  const consumed = new Set(transformations.map(({ input }) => input?.from));
  for (const transformation of transformations) {
    if (transformation.body.kind === "sink" || consumed.has(transformation)) continue;
    throw invalidProgram(
      `The stream behind ${quoted(transformation)} leads nowhere. End it with .sinkTo(...), or remove it.`,
    );
  }
  for (const transformation of transformations) {
    if ((transformation.body.kind === "source") === (transformation.input === undefined)) continue;
    throw invalidProgram(
      `${quoted(transformation)} ${transformation.input === undefined ? "has no input" : "is a source with an input"}.`,
    );
  }
}

function requireDistinctUids(transformations: readonly Transformation[]): void {
  const owners = new Map<string, Transformation>();
  for (const transformation of transformations) {
    const { uid } = transformation;
    if (uid === undefined) continue;
    const owner = owners.get(uid);
    if (owner !== undefined) {
      throw invalidProgram(
        `uid ${JSON.stringify(uid)} is used by ${quoted(owner)} and ${quoted(transformation)}. Give each its own.`,
      );
    }
    owners.set(uid, transformation);
  }
}

interface NodePlace {
  readonly operatorId: OperatorID;
  readonly input: OperatorID | undefined;
  readonly settings: StreamGraphSettings;
}

function nodeOf(transformation: Transformation, { operatorId, input, settings }: NodePlace): StreamNode {
  const { name, uid, outputType } = transformation;
  const parallelism = transformation.parallelism ?? settings.parallelism;
  const key = transformation.input?.key;
  return {
    operatorId,
    name,
    ...(uid === undefined ? {} : { uid }),
    parallelism,
    maxParallelism: resolveMaxParallelism(name, parallelism, settings.maxParallelism),
    stateful: isStateful(transformation),
    implementation: implementationOf(transformation),
    ...(outputType === undefined ? {} : { outputType }),
    ...(input === undefined
      ? {}
      : {
          input: { source: input, shipStrategy: "FORWARD", ...(key === undefined ? {} : { key }) } satisfies StreamEdge,
        }),
  };
}

/** Records stay where they are if both ends have the same parallelism, unless a key decides. */
function withShipStrategies(nodes: readonly StreamNode[]): readonly StreamNode[] {
  const parallelismOf = new Map(nodes.map((node) => [node.operatorId, node.parallelism]));
  return nodes.map((node) => {
    const { input } = node;
    if (input === undefined) return node;
    if (input.key !== undefined) return { ...node, input: { ...input, shipStrategy: "HASH" } };
    const isLevel = parallelismOf.get(input.source) === node.parallelism;
    return { ...node, input: { ...input, shipStrategy: isLevel ? "FORWARD" : "REBALANCE" } };
  });
}

function implementationOf({ body, outputType }: Transformation): StreamNodeImplementation {
  if (body.kind !== "operator") return body;
  if (outputType === undefined) throw invalidProgram("An operator has no output type.");
  return { kind: "operator", create: () => body.create(outputType) };
}

function isStateful({ body }: Transformation): boolean {
  return body.kind === "operator" ? body.stateful : true;
}

function describe({ body, input, outputType }: Transformation): string {
  const key = input?.key === undefined ? "" : `keyBy(${input.key.type.description})|`;
  const type = outputType === undefined ? "" : `|${outputType.description}`;
  switch (body.kind) {
    case "source":
      return `source(${body.source.description})|${body.watermarks?.description ?? "no watermarks"}${type}`;
    case "operator":
      return `${key}${body.description}${type}`;
    case "sink":
      return `${key}sink(${body.sink.description})`;
  }
}

function quoted({ name }: Transformation): string {
  return JSON.stringify(name);
}
