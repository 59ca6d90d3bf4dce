import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { StatelessOperator } from "./stateless-operator.ts";
import { describeRecord, userCodeException } from "./user-code.ts";

/** Passes on the records for which the predicate is true. */
export class StreamFilter<T> extends StatelessOperator<T, T> {
  readonly #predicate: (value: T) => boolean;

  constructor(predicate: (value: T) => boolean) {
    super();
    this.#predicate = predicate;
  }

  processElement(value: T, timestamp: number | undefined): void {
    this.recordNumber++;
    let passes: unknown;
    try {
      passes = this.#predicate(value);
    } catch (error) {
      throw userCodeException(this.context.operatorName, error);
    }
    // An async predicate's promise is truthy and would let everything pass.
    if (typeof passes !== "boolean") {
      const problem = `the predicate returned ${showValue(passes)} for ${describeRecord(value, this.recordNumber)}, expected true or false`;
      throw userCodeException(this.context.operatorName, new TypeError(problem));
    }
    if (passes) this.context.output.collect(value, timestamp);
  }
}
