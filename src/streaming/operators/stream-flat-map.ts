import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { StatelessOperator } from "./stateless-operator.ts";
import { checkResult } from "./stream-map.ts";
import { describeRecord, userCodeException } from "./user-code.ts";

/** Any number of records out for each one in. */
export class StreamFlatMap<In, Out> extends StatelessOperator<In, Out> {
  readonly #function: (value: In) => Iterable<Out>;
  readonly #outputType: TypeInformation<Out>;

  constructor(flatMapFunction: (value: In) => Iterable<Out>, outputType: TypeInformation<Out>) {
    super();
    this.#function = flatMapFunction;
    this.#outputType = outputType;
  }

  processElement(value: In, timestamp: number | undefined): void {
    this.recordNumber++;
    const where = (): string => `${this.context.operatorName}: ${describeRecord(value, this.recordNumber)}`;
    for (const result of this.#resultsOf(value, where)) {
      this.context.output.collect(checkResult(result, this.#outputType, where), timestamp);
    }
  }

  /** All results before the first is emitted: a generator that throws midway emits nothing, and its error is the user's. */
  #resultsOf(value: In, where: () => string): readonly unknown[] {
    let results: unknown;
    try {
      results = this.#function(value);
      if (isIterable(results)) return [...results];
    } catch (error) {
      throw userCodeException(this.context.operatorName, error);
    }
    throw userCodeException(
      where(),
      new TypeError(`the function returned ${showValue(results)}, expected an iterable`),
    );
  }
}

/** A string is iterable, but its characters are hardly what was meant. */
function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
