import { SluiceException } from "../../common/exceptions.ts";
import { types } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { OperatorStateCodec, type OperatorPart } from "../state/operator-state-codec.ts";
import type { SourceReaderContext } from "./source.ts";

/** A position with the parallelism under which it was taken. */
interface TakenPosition<Position> {
  readonly parallelism: number;
  readonly position: Position;
}

/** Positions of sources that divide their input by the number of subtasks. */
export class SourcePositionCodec<Position> {
  readonly #codec: OperatorStateCodec<TakenPosition<Position>>;

  constructor(type: TypeInformation<Position>) {
    this.#codec = new OperatorStateCodec(
      "position of the source",
      types.row({ parallelism: types.int(), position: type }),
    );
  }

  encode(position: Position, context: SourceReaderContext): OperatorPart {
    return this.#codec.encode({ parallelism: context.parallelism, position });
  }

  /**
   * The position to start from; `undefined` for a fresh start.
   *
   * @throws STATE_MIGRATION if it was taken under another parallelism or format.
   */
  decode(context: SourceReaderContext): Position | undefined {
    for (const part of context.restored) {
      const { parallelism, position } = this.#codec.decode(part);
      if (parallelism === context.parallelism && context.restored.length === 1) return position;
      throw new SluiceException(
        "STATE_MIGRATION",
        `position of the source: it was taken at parallelism ${parallelism}, the source now runs at ${context.parallelism}`,
      );
    }
    return undefined;
  }
}
