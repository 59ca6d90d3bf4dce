import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { StatelessOperator } from "./stateless-operator.ts";
import { describeRecord, userCodeException } from "./user-code.ts";

/** One record out for each one in. */
export class StreamMap<In, Out> extends StatelessOperator<In, Out> {
  readonly #function: (value: In) => Out;
  readonly #outputType: TypeInformation<Out>;

  constructor(mapFunction: (value: In) => Out, outputType: TypeInformation<Out>) {
    super();
    this.#function = mapFunction;
    this.#outputType = outputType;
  }

  processElement(value: In, timestamp: number | undefined): void {
    this.recordNumber++;
    this.context.output.collect(this.#apply(value), timestamp);
  }

  #apply(value: In): Out {
    let result: unknown;
    try {
      result = this.#function(value);
    } catch (error) {
      throw userCodeException(this.context.operatorName, error);
    }
    return checkResult(
      result,
      this.#outputType,
      () => `${this.context.operatorName}: ${describeRecord(value, this.recordNumber)}`,
    );
  }
}

/** What a user's function returned, checked before it goes on. @param where is only asked for on failure. */
export function checkResult<T>(result: unknown, type: TypeInformation<T>, where: () => string): T {
  try {
    return type.parse(result);
  } catch (error) {
    throw userCodeException(`${where()}: the function returned ${showValue(result)}`, error);
  }
}
