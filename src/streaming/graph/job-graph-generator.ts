import { brandId } from "../../common/ids.ts";
import type { IntermediateDataSetID, JobID, JobVertexID, OperatorID } from "../../common/ids.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { DEFAULT_RESTART_STRATEGY } from "../../runtime/jobgraph/job-configuration.ts";
import type { JobConfiguration, RestartStrategyConfiguration } from "../../runtime/jobgraph/job-configuration.ts";
import type {
  IntermediateDataSet,
  Inlet,
  JobEdge,
  JobGraph,
  JobModuleReference,
  JobOperator,
  JobVertex,
} from "../../runtime/jobgraph/job-graph.ts";
import type { Source } from "../source/source.ts";
import { hashedId, hashOf } from "./graph-hash.ts";
import { invalidProgram } from "./invalid-program.ts";
import type { JobDefinition } from "./job-definition.ts";
import { requireParallelism } from "./parallelism.ts";
import { generateStreamGraph } from "./stream-graph-generator.ts";
import type { StreamGraph } from "./stream-graph-generator.ts";
import type { ChainedNode, JobVertexPlan, PlannedOutput, StreamEdge, StreamNode } from "./stream-node.ts";

/** All of Sluice's tasks share slots, so a job needs as many slots as its greatest parallelism. */
const SLOT_SHARING_GROUP = "default";
/** A long chain's name is cut; nothing is found by it. */
const MAX_VERTEX_NAME_LENGTH = 500;

export interface JobGraphOverrides {
  readonly jobId: JobID;
  readonly module: JobModuleReference;
  /** In place of the job's own; operators that set theirs keep it. */
  readonly parallelism?: number;
  /** Of a job that sets none itself. */
  readonly restartStrategy?: RestartStrategyConfiguration;
  /** Makes the warnings errors. */
  readonly strict?: boolean;
}

export interface GeneratedJobGraph {
  readonly jobGraph: JobGraph;
  /** What a StreamTask instantiates for each vertex of {@link jobGraph}. */
  readonly plans: ReadonlyMap<JobVertexID, JobVertexPlan>;
  /** One line each, for the user. */
  readonly warnings: readonly string[];
}

/**
 * Builds the program and turns it into the graph the control plane runs, with the plan of every vertex. Operators of equal
 * parallelism whose records need not move become one vertex (Flink's chaining). The same definition and overrides give the same
 * graph and hash in every runtime.
 *
 * @throws INVALID_PROGRAM in one line, if the user's program is at fault.
 */
export async function generateJobGraph(
  definition: JobDefinition,
  overrides: JobGraphOverrides,
): Promise<GeneratedJobGraph> {
  const parallelism =
    overrides.parallelism === undefined ? definition.parallelism : requireParallelism(overrides.parallelism);
  const graph = await generateStreamGraph(definition.build(), {
    parallelism,
    maxParallelism: definition.maxParallelism,
  });
  const warnings = missingUids(graph);
  const [firstWarning] = warnings;
  if (overrides.strict === true && firstWarning !== undefined) throw invalidProgram(firstWarning);
  requireDifferentInlets(graph);
  const plans = await planVertices(graph);
  const configuration: JobConfiguration = {
    parallelism,
    ...(definition.checkpointing === undefined ? {} : { checkpointing: definition.checkpointing }),
    restartStrategy: definition.restartStrategy ?? overrides.restartStrategy ?? DEFAULT_RESTART_STRATEGY,
    userConfiguration: definition.userConfiguration,
  };
  const vertices = plans.map(({ vertex }) => vertex);
  const jobGraph: JobGraph = {
    jobId: overrides.jobId,
    name: definition.name,
    jobType: "STREAMING",
    vertices,
    configuration,
    hash: await hashOf({ name: definition.name, vertices, configuration, operators: [...graph.descriptions] }),
    module: overrides.module,
    ...(definition.maxParallelism === undefined ? { derivedMaxParallelism: true } : {}),
  };
  return { jobGraph, plans: new Map(plans.map((plan) => [plan.vertex.id, plan])), warnings };
}

function requireDifferentInlets({ nodes }: StreamGraph): void {
  const seen = new Set<string>();
  for (const { implementation } of nodes) {
    const inlet = implementation.kind === "source" ? implementation.source.inlet?.name : undefined;
    if (inlet === undefined) continue;
    if (seen.has(inlet)) throw invalidProgram(`Two sources take the records of ${JSON.stringify(inlet)}.`);
    seen.add(inlet);
  }
}

function missingUids({ nodes }: StreamGraph): readonly string[] {
  return nodes
    .filter(({ uid, implementation, stateful }) => uid === undefined && stateful && implementation.kind === "operator")
    .map(
      ({ name }) =>
        `${name} keeps state but has no uid. Add .uid("...") so that its state survives changes of the job.`,
    );
}

/** A vertex while its members are collected. */
interface Chain {
  readonly head: StreamNode;
  readonly members: StreamNode[];
}

async function planVertices({ nodes }: StreamGraph): Promise<readonly JobVertexPlan[]> {
  const chains = collectChains(nodes);
  const vertexOf = new Map<OperatorID, JobVertexID>();
  for (const { head, members } of chains) {
    for (const member of members) vertexOf.set(member.operatorId, brandId<JobVertexID>(head.operatorId));
  }
  const edges = await connectChains(chains, vertexOf);
  return chains.map((chain) => planOf(chain, edges));
}

function collectChains(nodes: readonly StreamNode[]): readonly Chain[] {
  const chains: Chain[] = [];
  const chainOf = new Map<OperatorID, Chain>();
  for (const node of nodes) {
    // A forward edge between equal parallelisms needs no exchange.
    const upstream = node.input?.shipStrategy === "FORWARD" ? chainOf.get(node.input.source) : undefined;
    const chain = upstream ?? { head: node, members: [] };
    chain.members.push(node);
    if (upstream === undefined) chains.push(chain);
    chainOf.set(node.operatorId, chain);
  }
  return chains;
}

/** An exchange between two vertices. */
interface ChainEdge {
  readonly dataSet: IntermediateDataSetID;
  readonly producer: JobVertexID;
  readonly consumer: JobVertexID;
  readonly edge: StreamEdge;
  readonly type: TypeInformation<unknown>;
}

async function connectChains(
  chains: readonly Chain[],
  vertexOf: ReadonlyMap<OperatorID, JobVertexID>,
): Promise<readonly ChainEdge[]> {
  const outputTypes = new Map(
    chains.flatMap(({ members }) => members.map(({ operatorId, outputType }) => [operatorId, outputType])),
  );
  const edges: ChainEdge[] = [];
  for (const { head } of chains) {
    if (head.input === undefined) continue;
    const producer = vertexOf.get(head.input.source);
    const type = outputTypes.get(head.input.source);
    if (producer === undefined || type === undefined)
      throw invalidProgram(`The input of ${JSON.stringify(head.name)} is not part of the job.`);
    const dataSet = brandId<IntermediateDataSetID>(await hashedId({ from: head.input.source, to: head.operatorId }));
    edges.push({ dataSet, producer, consumer: brandId(head.operatorId), edge: head.input, type });
  }
  return edges;
}

function planOf({ head, members }: Chain, edges: readonly ChainEdge[]): JobVertexPlan {
  const id = brandId<JobVertexID>(head.operatorId);
  const inbound = edges.filter(({ consumer }) => consumer === id);
  const outbound = edges.filter(({ producer }) => producer === id);
  const indexOf = new Map(members.map((node, index) => [node.operatorId, index]));
  const vertex: JobVertex = {
    id,
    name: vertexName(members),
    parallelism: head.parallelism,
    maxParallelism: head.maxParallelism,
    operators: members.map(operatorOf),
    inputs: inbound.map(({ producer, dataSet, edge }): JobEdge => ({
      source: producer,
      dataSet,
      shipStrategy: edge.shipStrategy,
      exchange: "pipelined_bounded",
    })),
    outputs: outbound.map(({ consumer, dataSet, edge }): IntermediateDataSet => ({
      id: dataSet,
      shipStrategy: edge.shipStrategy,
      consumer,
    })),
    slotSharingGroup: SLOT_SHARING_GROUP,
  };
  return {
    vertex,
    chain: members.map((node) =>
      chainedNode(node, node === head ? undefined : indexOf.get(node.input?.source ?? node.operatorId)),
    ),
    inputs: inbound.map(({ dataSet, type }) => ({ dataSet, type })),
    outputs: outbound.map(({ dataSet, edge, type }): PlannedOutput => {
      const { source, shipStrategy, key } = edge;
      return { dataSet, from: indexOf.get(source) ?? 0, shipStrategy, ...(key === undefined ? {} : { key }), type };
    }),
  };
}

function vertexName(members: readonly StreamNode[]): string {
  const name = members.map((member) => member.name).join(" -> ");
  return name.length <= MAX_VERTEX_NAME_LENGTH ? name : `${name.slice(0, MAX_VERTEX_NAME_LENGTH - 1)}…`;
}

function chainedNode(node: StreamNode, upstream: number | undefined): ChainedNode {
  return upstream === undefined ? { node } : { node, upstream };
}

function operatorOf({ operatorId, name, uid, implementation, stateful }: StreamNode): JobOperator {
  const inlet = implementation.kind === "source" ? inletOf(implementation.source) : undefined;
  return {
    id: operatorId,
    name,
    ...(uid === undefined ? {} : { uid }),
    kind: implementation.kind,
    stateful,
    ...(inlet === undefined ? {} : { inlet }),
  };
}

function inletOf({ inlet, type }: Source<unknown>): Inlet | undefined {
  return inlet && { ...inlet, type: type.snapshot() };
}
