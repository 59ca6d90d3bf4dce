import { describe, expect, it } from "vitest";
import { SluiceException } from "../../../src/common/exceptions.ts";
import { parseJobGraph } from "../../../src/runtime/jobgraph/job-graph-schema.ts";
import { testingJobGraph } from "../../../src/testing/testing-job-graph.ts";

/** Data of no known type, as an untrusted sender makes it: whatever it is, it has properties. */
interface Json {
  [property: string]: Json | undefined;
}

/** The sound graph as plain data, with a change made to it. */
function changed(change: (graph: Json) => void): unknown {
  const graph = JSON.parse(JSON.stringify(testingJobGraph())) as Json;
  change(graph);
  return graph;
}

function faultOf(value: unknown): string {
  try {
    parseJobGraph(value);
  } catch (error) {
    if (SluiceException.is(error, "INVALID_PROGRAM")) return error.message;
    throw error;
  }
  return "no fault";
}

const set = (target: Json | undefined, field: string, value: unknown): void => {
  if (target !== undefined) Object.assign(target, { [field]: value });
};
const source = (graph: Json): Json | undefined => graph["vertices"]?.["0"];
const sink = (graph: Json): Json | undefined => graph["vertices"]?.["1"];

describe("parseJobGraph", () => {
  it("takes a sound graph as it is", () => {
    expect(parseJobGraph(JSON.parse(JSON.stringify(testingJobGraph())))).toEqual(testingJobGraph());
  });

  const faults: readonly (readonly [string, (graph: Json) => void, string])[] = [
    ["a parallelism of another type", (graph) => set(source(graph), "parallelism", "four"), 'vertices[0].parallelism: expected an integer from 1 to 128, got "four"'],
    ["parallelism 0", (graph) => set(graph["configuration"], "parallelism", 0), "configuration.parallelism: expected an integer from 1 to 128, got 0"],
    ["parallelism above the maximum", (graph) => set(sink(graph), "parallelism", 129), "vertices[1].parallelism: expected an integer from 1 to 128, got 129"],
    ["a fraction", (graph) => set(sink(graph), "parallelism", 1.5), "vertices[1].parallelism: expected an integer from 1 to 128, got 1.5"],
    ["a missing field", (graph) => set(source(graph), "maxParallelism", undefined), "vertices[0].maxParallelism: expected an integer from 1 to 32768"],
    ["fewer key groups than subtasks", (graph) => set(sink(graph), "maxParallelism", 3), "vertices[1].maxParallelism: expected at least the parallelism 4, got 3"],
    ["a malformed id", (graph) => set(graph, "jobId", "42"), 'jobId: expected 32 lowercase hex digits, got "42"'],
    ["an inlet of no type", (graph) => set(source(graph)?.["operators"]?.["0"], "inlet", { name: "readings", type: { id: "date", version: 1 } }), "vertices[0].operators[0].inlet.type: expected a type made by types.*, got an object"],
    ["an unknown field", (graph) => set(graph, "extra", 1), "job graph: Unrecognized key"],
    ["a negative interval", (graph) => set(graph["configuration"]?.["checkpointing"], "intervalMillis", 0), "configuration.checkpointing.intervalMillis: expected an integer of at least 1, got 0"],
    ["no vertices", (graph) => set(graph, "vertices", []), "vertices: expected at least one vertex"],
    ["a vertex used twice", (graph) => set(sink(graph), "id", testingJobGraph().vertices[0]?.id), "vertices[1].id:"],
    ["an input from nowhere", (graph) => set(sink(graph)?.["inputs"]?.["0"], "source", "9".repeat(32)), "vertices[1].inputs[0].source: there is no vertex 99999999999999999999999999999999"],
    ["an input that is not produced", (graph) => set(source(graph), "outputs", []), "vertices[1].inputs[0].dataSet: vertex"],
    ["an output to nowhere", (graph) => set(sink(graph), "inputs", []), "vertices[0].outputs[0].consumer:"],
    ["ends that disagree", (graph) => set(sink(graph)?.["inputs"]?.["0"], "shipStrategy", "BROADCAST"), "vertices[1].inputs[0].shipStrategy: the producer says HASH, the consumer BROADCAST"],
    ["FORWARD between different parallelisms", (graph) => {
      set(sink(graph)?.["inputs"]?.["0"], "shipStrategy", "FORWARD");
      set(source(graph)?.["outputs"]?.["0"], "shipStrategy", "FORWARD");
      set(sink(graph), "parallelism", 2);
    }, "vertices[1].inputs[0].shipStrategy: FORWARD needs equal parallelism, got 4 and 2"],
    ["another order than the topological one", (graph) => set(graph, "vertices", [...testingJobGraph().vertices].reverse()), "vertices[0]: expected topological order"],
    ["no sink", (graph) => set(sink(graph)?.["operators"]?.["0"], "kind", "operator"), "vertices: the graph has no sink"],
    ["neither input nor source", (graph) => set(source(graph)?.["operators"]?.["0"], "kind", "operator"), "vertices[0]: the vertex has neither an input nor a source"],
    ["a source amid the graph", (graph) => set(sink(graph)?.["operators"]?.["0"], "kind", "source"), "vertices[1]: the vertex has an input and a source"],
  ]; // prettier-ignore
  it.each(faults)("refuses %s, naming the field", (_, change, message) => {
    expect(faultOf(changed(change))).toContain(message);
  });

  it("refuses a cycle, naming the vertices in it", () => {
    const value = changed((graph) => {
      const back = { id: "back", shipStrategy: "HASH", consumer: testingJobGraph().vertices[0]?.id };
      set(sink(graph), "outputs", [back]);
      set(source(graph), "inputs", [
        {
          source: testingJobGraph().vertices[1]?.id,
          dataSet: "back",
          shipStrategy: "HASH",
          exchange: "pipelined_bounded",
        },
      ]);
    });
    expect(faultOf(value)).toBe("vertices: the graph has a cycle through numbers, rows");
  });

  it("names every faulty field, and is safe for anything", () => {
    const value = changed((graph) => {
      set(graph, "name", "");
      set(graph, "jobType", "BOTH");
    });
    expect(faultOf(value).split("\n")).toHaveLength(2);
    for (const junk of [undefined, null, 7, "graph", [], {}]) expect(faultOf(junk)).not.toBe("no fault");
  });
});
