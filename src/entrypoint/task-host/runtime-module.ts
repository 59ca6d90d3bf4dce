/** The module `sluice-runtime` of a job's isolate; see `scripts/build.ts`. */
import "./frozen-intrinsics.ts";
export * from "../../index.ts";
export { createGraphExtractor } from "./graph-extractor.ts";
export { createTaskHost } from "./task-host-object.ts";
