import { expect, it } from "vitest";
import { SubtaskPlaces } from "../../../src/runtime/executiongraph/subtask-places.ts";
import { testingJobGraph } from "./testing-job-graph.ts";

it("numbers the subtasks of all vertices, in the graph's order", () => {
  const places = new SubtaskPlaces(
    testingJobGraph([{ parallelism: 2 }, { parallelism: 1 }, { parallelism: 3 }]).vertices,
  );
  expect(places.size).toBe(6);
  const named = Array.from({ length: 6 }, (_, place) => [
    places.vertexAt(place)?.name,
    places.vertexIndexAt(place),
    places.subtaskIndexAt(place),
  ]);
  expect(named).toEqual([
    ["v0", 0, 0],
    ["v0", 0, 1],
    ["v1", 1, 0],
    ["v2", 2, 0],
    ["v2", 2, 1],
    ["v2", 2, 2],
  ]);
  expect([0, 1, 2].map((vertex) => places.firstOf(vertex))).toEqual([0, 2, 3]);
});

it.each([6, -1, 0.5, Number.NaN])("has no vertex at %s, which is no place", (place) => {
  const places = new SubtaskPlaces(testingJobGraph([{ parallelism: 2 }, { parallelism: 4 }]).vertices);
  expect(places.vertexAt(place)).toBeUndefined();
});
