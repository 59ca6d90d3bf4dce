import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  drawPictures,
  importGraph,
  readImports,
  replacePictures,
  transitiveReduction,
} from "../../scripts/generate-architecture.ts";
import { readText, REPOSITORY, TOOL_TIMEOUT_MILLIS } from "./source-tree.ts";

describe("docs/architecture.md", () => {
  const page = readText("docs/architecture.md");

  it("shows the import graph as it is (else: npm run docs)", { timeout: TOOL_TIMEOUT_MILLIS }, () => {
    expect(page).toBe(replacePictures(page, drawPictures(readImports())));
  });

  it("names eight files to read first, and all exist", () => {
    const files = [...page.matchAll(/^\d\. \[`([^`]+)`\]\(\.\.\/([^)]+)\)/gm)];
    expect(files).toHaveLength(8);
    for (const [, name = "", target] of files) {
      expect(target).toBe(name);
      expect(existsSync(join(REPOSITORY, name)), name).toBe(true);
    }
  });
});

describe("the picture's graph", () => {
  const edge = (from: string, to: string): { from: string; to: string } => ({ from, to });
  const folderOf = (path: string): string | undefined => path.split("/")[0];
  const edges = (graph: ReadonlyMap<string, ReadonlySet<string>>): string[] =>
    [...graph].flatMap(([from, targets]) => [...targets].map((to) => `${from}>${to}`)).toSorted();

  it("folds files into folders and leaves out imports inside one", () => {
    expect(edges(importGraph([edge("a/1", "b/1"), edge("a/2", "b/2"), edge("a/1", "a/2")], folderOf))).toEqual(["a>b"]);
  });

  it("leaves out what a longer path implies", () => {
    const graph = importGraph(
      [edge("a/1", "b/1"), edge("b/1", "c/1"), edge("c/1", "d/1"), edge("a/1", "d/1"), edge("a/1", "c/1")],
      folderOf,
    );
    expect(edges(transitiveReduction(graph))).toEqual(["a>b", "b>c", "c>d"]);
  });

  it("refuses a page without markers", () => {
    expect(() => replacePictures("# no markers", "")).toThrow(/markers/);
  });
});
