import type { Sink } from "../../../src/streaming/sink/sink.ts";

/** The end of a graph that is built and never run. */
export function discardingSink(name: string): Sink<unknown> {
  return {
    name,
    description: `discard(${name})`,
    createWriter: () => {
      throw new Error("a graph is only built here");
    },
  };
}
