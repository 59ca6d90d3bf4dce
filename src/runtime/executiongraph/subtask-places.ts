import type { JobVertex } from "../jobgraph/job-graph.ts";

/** The number of each subtask among all of a graph, in the order of its vertices: its place. */
export class SubtaskPlaces {
  /** Number of subtasks. */
  readonly size: number;
  readonly vertices: readonly JobVertex[];
  /** By vertex: the place of its first subtask. */
  readonly #firsts: readonly number[];
  readonly #vertexOf: Uint32Array;

  /** @param vertices in the job graph's order. */
  constructor(vertices: readonly JobVertex[]) {
    const firsts: number[] = [];
    let size = 0;
    for (const { parallelism } of vertices) {
      firsts.push(size);
      size += parallelism;
    }
    this.vertices = vertices;
    this.size = size;
    this.#firsts = firsts;
    this.#vertexOf = new Uint32Array(size);
    for (const [index, first] of firsts.entries()) this.#vertexOf.fill(index, first, firsts[index + 1] ?? size);
  }

  /** Place of the vertex' first subtask. */
  firstOf(vertexIndex: number): number {
    return this.#firsts[vertexIndex] ?? this.size;
  }

  vertexAt(place: number): JobVertex | undefined {
    return this.vertices[this.vertexIndexAt(place)];
  }

  /** Number of the vertex in the graph; past the last for what is no place. */
  vertexIndexAt(place: number): number {
    return this.#vertexOf[place] ?? this.vertices.length;
  }

  /** Number of the subtask in its vertex. */
  subtaskIndexAt(place: number): number {
    return place - this.firstOf(this.vertexIndexAt(place));
  }
}
