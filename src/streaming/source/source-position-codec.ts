import { types } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { OperatorStateCodec, type OperatorPart } from "../state/operator-state-codec.ts";
import { shareOf, type SourceSplit } from "./source-splits.ts";
import type { SourceReaderContext } from "./source.ts";

const Split = types.row({ next: types.long(), step: types.long(), offset: types.optional(types.long()) });

/** How far a subtask has come. */
export interface SourcePosition<Input> {
  readonly splits: readonly SourceSplit[];
  /** Since the job's first start. */
  readonly recordsRead: number;
  /** What is read; `undefined` before it was first looked at. */
  readonly input: Input | undefined;
  /** When its rate allows the next record; `undefined` without a rate. */
  readonly dueMillis?: number | undefined;
}

interface TakenPosition<Input> extends SourcePosition<Input> {
  readonly parallelism: number;
}

/** Positions of sources whose input the subtasks divide among them. */
export class SourcePositionCodec<Input> {
  readonly #codec: OperatorStateCodec<TakenPosition<Input>>;

  constructor(input: TypeInformation<Input>) {
    const type = types.row({
      parallelism: types.int(),
      recordsRead: types.long(),
      splits: types.list(Split),
      input: types.optional(input),
      dueMillis: types.optional(types.long()),
    });
    // The row's type says "may be missing" where the interface says "or undefined"; a row reads and writes both.
    this.#codec = new OperatorStateCodec(
      "position of the source",
      type as unknown as TypeInformation<TakenPosition<Input>>,
    );
  }

  encode(position: SourcePosition<Input>, { parallelism }: SourceReaderContext): OperatorPart {
    return this.#codec.encode({ parallelism, ...position });
  }

  /**
   * The position to start from; `undefined` for a fresh start. After a change of parallelism every subtask is given the
   * positions of all, and takes its share.
   *
   * @throws STATE_MIGRATION if it was taken under another format.
   */
  decode(context: SourceReaderContext): SourcePosition<Input> | undefined {
    const taken = context.restored.map((part) => this.#codec.decode(part));
    const [first] = taken;
    if (first === undefined) return undefined;
    if (taken.length === 1 && first.parallelism === context.parallelism) return first;
    return {
      splits: shareOf(
        taken.flatMap(({ splits }) => splits),
        context,
      ),
      // Counted once over all subtasks.
      recordsRead: context.subtaskIndex === 0 ? taken.reduce((sum, { recordsRead }) => sum + recordsRead, 0) : 0,
      input: taken.find(({ input }) => input !== undefined)?.input,
      dueMillis: taken.reduce<number | undefined>(earlier, undefined),
    };
  }
}

function earlier<T>(least: number | undefined, { dueMillis }: SourcePosition<T>): number | undefined {
  if (least === undefined || dueMillis === undefined) return least ?? dueMillis;
  return Math.min(least, dueMillis);
}
