import type { JobVertexID } from "../../common/ids.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";

/**
 * The pipelined regions of a job: subtasks that exchange records, directly or through others (Flink
 * `SchedulingPipelinedRegion`). All exchanges are pipelined, so regions exchange nothing: one is restarted as a whole
 * and without touching another (contract FO-01). Regions have numbers from 0, in topological order of their first
 * subtask.
 */
export class PipelinedRegions {
  readonly count: number;
  readonly #firstSubtask = new Map<JobVertexID, number>();
  readonly #regionOf: Uint32Array;

  /** Linear in the subtasks and edges, whatever the number of channels. */
  constructor(jobGraph: JobGraph) {
    let size = 0;
    for (const { id, parallelism } of jobGraph.vertices) {
      this.#firstSubtask.set(id, size);
      size += parallelism;
    }
    const joined = new DisjointSets(size);
    for (const { id, parallelism, inputs } of jobGraph.vertices) {
      const first = this.#firstOf(id);
      for (const { source, shipStrategy } of inputs) {
        const producer = this.#firstOf(source);
        if (shipStrategy === "FORWARD") {
          for (let index = 0; index < parallelism; index += 1) joined.join(producer + index, first + index);
        } else {
          // All-to-all: every producer has a channel to the first consumer, and it to none but them.
          const producers = this.#parallelismOf(jobGraph, source);
          for (let index = 0; index < producers; index += 1) joined.join(producer + index, first);
          for (let index = 1; index < parallelism; index += 1) joined.join(producer, first + index);
        }
      }
    }
    const numbers = new Map<number, number>();
    this.#regionOf = new Uint32Array(size);
    for (let place = 0; place < size; place += 1) {
      const root = joined.rootOf(place);
      const number = numbers.get(root) ?? numbers.size;
      numbers.set(root, number);
      this.#regionOf[place] = number;
    }
    this.count = numbers.size;
  }

  /** The region of a subtask. */
  of({ place }: { readonly place: number }): number {
    return this.#regionOf[place] ?? 0;
  }

  #firstOf(id: JobVertexID): number {
    return this.#firstSubtask.get(id) ?? 0;
  }

  #parallelismOf(jobGraph: JobGraph, id: JobVertexID): number {
    return jobGraph.vertices.find((vertex) => vertex.id === id)?.parallelism ?? 0;
  }
}

/** Union-find with path halving. */
class DisjointSets {
  readonly #parent: Uint32Array;

  constructor(size: number) {
    this.#parent = new Uint32Array(size).map((_, index) => index);
  }

  rootOf(element: number): number {
    let at = element;
    let parent = this.#parent[at] ?? at;
    while (parent !== at) {
      const grandparent = this.#parent[parent] ?? parent;
      this.#parent[at] = grandparent;
      at = grandparent;
      parent = this.#parent[at] ?? at;
    }
    return at;
  }

  join(left: number, right: number): void {
    this.#parent[this.rootOf(right)] = this.rootOf(left);
  }
}
