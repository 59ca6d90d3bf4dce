import { SluiceException } from "../../common/exceptions.ts";
import type { OneInputStreamOperator, OperatorContext } from "./stream-operator.ts";

/** Base of operators that keep nothing: forwards watermarks and has no snapshot. */
export abstract class StatelessOperator<In, Out> implements OneInputStreamOperator<In, Out> {
  #context: OperatorContext<Out> | undefined;
  /** Records seen by this attempt, for messages. */
  protected recordNumber = 0;

  protected get context(): OperatorContext<Out> {
    if (this.#context === undefined) throw new SluiceException("ILLEGAL_STATE", "operator used before open");
    return this.#context;
  }

  open(context: OperatorContext<Out>): void {
    this.#context = context;
  }

  abstract processElement(value: In, timestamp: number | undefined): void;

  processWatermark(watermark: number): void {
    this.context.output.emitWatermark(watermark);
  }

  endInput(): void {}

  snapshotState(): undefined {
    return undefined;
  }

  close(): void {}
}
