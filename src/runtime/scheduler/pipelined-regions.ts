import { SubtaskPlaces } from "../executiongraph/subtask-places.ts";
import type { JobGraph } from "../jobgraph/job-graph.ts";

/**
 * The pipelined regions of a job: subtasks that exchange records, directly or through others (Flink
 * `SchedulingPipelinedRegion`). All exchanges are pipelined, so regions exchange nothing: one is restarted as a whole
 * and without touching another (contract FO-01). Regions have numbers from 0, in topological order of their first
 * subtask.
 */
export class PipelinedRegions {
  readonly count: number;
  readonly #regionOf: Uint32Array;

  /** Linear in the subtasks and edges, whatever the number of channels. */
  constructor(jobGraph: JobGraph) {
    const places = new SubtaskPlaces(jobGraph.vertices);
    const { size, vertices } = places;
    const joined = new DisjointSets(size);
    for (const [index, { parallelism, inputs }] of vertices.entries()) {
      const first = places.firstOf(index);
      for (const { source, shipStrategy } of inputs) {
        const producing = vertices.findIndex(({ id }) => id === source);
        const producer = places.firstOf(producing);
        if (shipStrategy === "FORWARD") {
          for (let subtask = 0; subtask < parallelism; subtask += 1) joined.join(producer + subtask, first + subtask);
        } else {
          // All-to-all: every producer has a channel to the first consumer, and it to none but them.
          const end = places.firstOf(producing + 1);
          for (let place = producer; place < end; place += 1) joined.join(place, first);
          for (let subtask = 1; subtask < parallelism; subtask += 1) joined.join(producer, first + subtask);
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
