import { SluiceException } from "../../common/exceptions.ts";
import type { Transformation } from "../graph/transformation.ts";

/** The steps of one program while the build function runs; closed afterwards. */
export class StreamProgram {
  readonly #transformations: Transformation[] = [];
  #sealed = false;

  /** @throws ILLEGAL_STATE after {@link seal}. */
  add(transformation: Transformation): Transformation {
    this.requireOpen();
    this.#transformations.push(transformation);
    return transformation;
  }

  /** @throws ILLEGAL_STATE after {@link seal}. */
  requireOpen(): void {
    if (!this.#sealed) return;
    throw new SluiceException("ILLEGAL_STATE", "The job is built already; its graph cannot be changed while it runs.");
  }

  /** All steps in the order they were made, in which inputs come first. */
  seal(): readonly Transformation[] {
    this.#sealed = true;
    return this.#transformations;
  }
}
