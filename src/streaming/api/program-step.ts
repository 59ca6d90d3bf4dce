import { requireOperatorName, requireUid } from "../graph/operator-name.ts";
import { requireParallelism } from "../graph/parallelism.ts";
import type { Transformation } from "../graph/transformation.ts";
import type { StreamProgram } from "./stream-program.ts";

/** The settings every step has. They describe the step just made and return it. */
export class ProgramStep {
  protected readonly program: StreamProgram;
  protected readonly transformation: Transformation;

  /** Made by the API only. */
  constructor(program: StreamProgram, transformation: Transformation) {
    this.program = program;
    this.transformation = transformation;
  }

  /** What the step is called in plans, metrics and messages. State does not depend on it. */
  name(name: string): this {
    this.#change().name = requireOperatorName(name);
    return this;
  }

  /**
   * Identity of the step's state across versions of the job. Without one it is its position in the graph, which changes when
   * steps before it are added or removed.
   */
  uid(uid: string): this {
    this.#change().uid = requireUid(uid);
    return this;
  }

  /** Number of this step's subtasks, whatever the job's is. */
  setParallelism(parallelism: number): this {
    this.#change().parallelism = requireParallelism(parallelism);
    return this;
  }

  #change(): Transformation {
    this.program.requireOpen();
    return this.transformation;
  }
}

/** The end of a stream. */
export class DataStreamSink extends ProgramStep {}
