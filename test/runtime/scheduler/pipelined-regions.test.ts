import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JobGraph, ShipStrategy } from "../../../src/runtime/jobgraph/job-graph.ts";
import { PipelinedRegions } from "../../../src/runtime/scheduler/pipelined-regions.ts";
import { testingJobGraph } from "../executiongraph/testing-job-graph.ts";

/** By vertex, then subtask. */
function regionsOf(graph: JobGraph): readonly (readonly number[])[] {
  const regions = new PipelinedRegions(graph);
  let place = 0;
  return graph.vertices.map(({ parallelism }) =>
    Array.from({ length: parallelism }, () => regions.of({ place: place++ })),
  );
}

/** Every channel followed in both directions, from every subtask not yet reached. */
function searched(graph: JobGraph): readonly (readonly number[])[] {
  const key = (vertex: number, subtask: number): string => `${vertex}/${subtask}`;
  const channels = new Map<string, string[]>();
  const at = new Map(graph.vertices.map(({ id }, index) => [id, index]));
  for (const [to, { inputs, parallelism }] of graph.vertices.entries()) {
    for (const { source, shipStrategy } of inputs) {
      const from = at.get(source) ?? 0;
      for (let producer = 0; producer < (graph.vertices[from]?.parallelism ?? 0); producer += 1) {
        for (let consumer = 0; consumer < parallelism; consumer += 1) {
          if (shipStrategy === "FORWARD" && producer !== consumer) continue;
          const ends = [key(from, producer), key(to, consumer)] as const;
          channels.set(ends[0], [...(channels.get(ends[0]) ?? []), ends[1]]);
          channels.set(ends[1], [...(channels.get(ends[1]) ?? []), ends[0]]);
        }
      }
    }
  }
  const region = new Map<string, number>();
  let regions = 0;
  return graph.vertices.map(({ parallelism }, vertex) =>
    Array.from({ length: parallelism }, (_, subtask) => {
      if (!region.has(key(vertex, subtask))) {
        const reached = new Set([key(vertex, subtask)]);
        for (const next of reached) {
          region.set(next, regions);
          for (const neighbour of channels.get(next) ?? []) reached.add(neighbour);
        }
        regions += 1;
      }
      return region.get(key(vertex, subtask)) ?? -1;
    }),
  );
}

describe("PipelinedRegions", () => {
  it("SCH-01: subtasks joined by an all-to-all edge are one region", () => {
    expect(regionsOf(testingJobGraph([{ parallelism: 2 }, { parallelism: 3 }]))).toEqual([
      [0, 0],
      [0, 0, 0],
    ]);
  });

  it("a FORWARD edge keeps lanes apart, and so does no edge at all", () => {
    const lanes = testingJobGraph([{ parallelism: 3 }, { parallelism: 3, ship: "FORWARD" }]);
    expect(regionsOf(lanes)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(regionsOf(testingJobGraph([{ parallelism: 2 }]))).toEqual([[0, 1]]);
    expect(new PipelinedRegions(lanes).count).toBe(3);
  });

  it("are what a search along all channels finds", () => {
    const ships: readonly ShipStrategy[] = ["FORWARD", "HASH", "REBALANCE", "BROADCAST"];
    const chain = fc.array(
      fc.record({ ship: fc.constantFrom(...ships), parallelism: fc.integer({ min: 1, max: 4 }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(chain, (vertices) => {
        let before = 1;
        const sound = vertices.map(({ ship, parallelism }) => {
          // A FORWARD edge joins vertices of equal parallelism.
          before = ship === "FORWARD" ? before : parallelism;
          return { ship, parallelism: before };
        });
        const graph = testingJobGraph(sound);
        expect(regionsOf(graph)).toEqual(searched(graph));
        const apart = { ...graph, vertices: graph.vertices.map((vertex) => ({ ...vertex, inputs: [] })) };
        expect(regionsOf(apart)).toEqual(searched(apart));
      }),
    );
  });

  it("are found in linear time", () => {
    const graph = testingJobGraph([{ parallelism: 50_000 }, { parallelism: 50_000 }]);
    expect(new PipelinedRegions(graph).count).toBe(1);
  });
});
