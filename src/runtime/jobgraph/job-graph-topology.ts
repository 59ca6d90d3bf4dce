import type { JobVertex } from "./job-graph.ts";

/**
 * The first thing wrong with the graph as a whole, as a message that names the field; `undefined` if it is sound: ids are
 * unique, edges meet at both ends, no cycle, vertices stand after their inputs, and there is a source and a sink. Linear.
 */
export function findTopologyFault(vertices: readonly JobVertex[]): string | undefined {
  return (
    findDuplicate(vertices) ??
    findParallelismFault(vertices) ??
    findDanglingEdge(vertices) ??
    findCycle(vertices) ??
    findOrderFault(vertices) ??
    findMissingEnd(vertices)
  );
}

function findDuplicate(vertices: readonly JobVertex[]): string | undefined {
  const seen = new Set<string>();
  for (const [index, vertex] of vertices.entries()) {
    const named: readonly (readonly [string, string])[] = [
      [`vertices[${index}].id`, vertex.id],
      ...vertex.operators.map(({ id }, at) => [`vertices[${index}].operators[${at}].id`, `operator ${id}`] as const),
      ...vertex.outputs.map(({ id }, at) => [`vertices[${index}].outputs[${at}].id`, `data set ${id}`] as const),
    ];
    for (const [field, id] of named) {
      if (seen.has(id)) return `${field}: ${id} is used twice`;
      seen.add(id);
    }
  }
  return undefined;
}

function findParallelismFault(vertices: readonly JobVertex[]): string | undefined {
  for (const [index, { parallelism, maxParallelism }] of vertices.entries()) {
    if (parallelism > maxParallelism) {
      return `vertices[${index}].maxParallelism: expected at least the parallelism ${parallelism}, got ${maxParallelism}`;
    }
  }
  return undefined;
}

function findDanglingEdge(vertices: readonly JobVertex[]): string | undefined {
  const byId = new Map(vertices.map((vertex) => [vertex.id, vertex]));
  for (const [index, vertex] of vertices.entries()) {
    for (const [at, input] of vertex.inputs.entries()) {
      const field = `vertices[${index}].inputs[${at}]`;
      const source = byId.get(input.source);
      if (source === undefined) return `${field}.source: there is no vertex ${input.source}`;
      const output = source.outputs.find(({ id }) => id === input.dataSet);
      if (output === undefined) return `${field}.dataSet: vertex ${source.id} does not produce ${input.dataSet}`;
      if (output.consumer !== vertex.id) return `${field}.dataSet: ${input.dataSet} is for vertex ${output.consumer}`;
      if (output.shipStrategy !== input.shipStrategy) {
        return `${field}.shipStrategy: the producer says ${output.shipStrategy}, the consumer ${input.shipStrategy}`;
      }
      if (input.shipStrategy === "FORWARD" && source.parallelism !== vertex.parallelism) {
        return `${field}.shipStrategy: FORWARD needs equal parallelism, got ${source.parallelism} and ${vertex.parallelism}`;
      }
    }
    for (const [at, output] of vertex.outputs.entries()) {
      const field = `vertices[${index}].outputs[${at}]`;
      const consumer = byId.get(output.consumer);
      if (consumer === undefined) return `${field}.consumer: there is no vertex ${output.consumer}`;
      const readers = consumer.inputs.filter(({ dataSet }) => dataSet === output.id).length;
      if (readers !== 1)
        return `${field}.consumer: vertex ${consumer.id} reads ${output.id} ${readers} times, expected once`;
    }
  }
  return undefined;
}

/** Kahn's algorithm; edges are known to meet at both ends. */
function findCycle(vertices: readonly JobVertex[]): string | undefined {
  const missing = new Map(vertices.map((vertex) => [vertex.id, vertex.inputs.length]));
  const byId = new Map(vertices.map((vertex) => [vertex.id, vertex]));
  const ready = vertices.filter((vertex) => vertex.inputs.length === 0);
  let reached = 0;
  for (let vertex = ready.pop(); vertex !== undefined; vertex = ready.pop()) {
    reached += 1;
    for (const { consumer } of vertex.outputs) {
      const left = (missing.get(consumer) ?? 0) - 1;
      missing.set(consumer, left);
      const next = byId.get(consumer);
      if (left === 0 && next !== undefined) ready.push(next);
    }
  }
  if (reached === vertices.length) return undefined;
  const stuck = vertices.filter(({ id }) => (missing.get(id) ?? 0) > 0).map(({ name }) => name);
  return `vertices: the graph has a cycle through ${stuck.join(", ")}`;
}

function findOrderFault(vertices: readonly JobVertex[]): string | undefined {
  const seen = new Set<string>();
  for (const [index, vertex] of vertices.entries()) {
    const late = vertex.inputs.find(({ source }) => !seen.has(source));
    if (late !== undefined) {
      return `vertices[${index}]: expected topological order, but its input ${late.source} comes later`;
    }
    seen.add(vertex.id);
  }
  return undefined;
}

function findMissingEnd(vertices: readonly JobVertex[]): string | undefined {
  for (const [index, vertex] of vertices.entries()) {
    const source = vertex.operators.some(({ kind }) => kind === "source");
    if (vertex.inputs.length === 0 && !source)
      return `vertices[${index}]: the vertex has neither an input nor a source`;
    if (vertex.inputs.length > 0 && source) return `vertices[${index}]: the vertex has an input and a source`;
  }
  const sink = vertices.some((vertex) => vertex.operators.some(({ kind }) => kind === "sink"));
  return sink ? undefined : "vertices: the graph has no sink, so the job would have no effect";
}
