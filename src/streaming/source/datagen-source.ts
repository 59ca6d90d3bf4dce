import { SluiceException } from "../../common/exceptions.ts";
import type { Random } from "../../common/random.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { userCodeException } from "../operators/user-code.ts";
import { IndexedSourceReader } from "./indexed-source-reader.ts";
import { requireRate } from "./rate-limit.ts";
import type { Source, SourceReader, SourceReaderContext } from "./source.ts";

export interface DatagenOptions<T> {
  readonly type: TypeInformation<T>;
  /**
   * Makes the record of that number. It must depend on its arguments alone: after a failure it is called again with the same.
   *
   * @param random starts anew for each record, from seed and number.
   */
  readonly generate: (index: number, random: Random) => T;
  /** Number of records; without it the source never ends. */
  readonly count?: number;
  /** Of the whole source, shared by its subtasks; without it as fast as possible. */
  readonly recordsPerSecond?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Event time in epoch milliseconds; without it records have none. */
  readonly timestampOf?: (value: T) => number;
}

/** Generated records (Flink `DataGeneratorSource`): replayable, since each is made from its number. */
export class DatagenSource<T> implements Source<T> {
  readonly name = "Datagen";
  readonly bounded: boolean;
  readonly type: TypeInformation<T>;
  readonly description: string;
  readonly #options: DatagenOptions<T>;

  /** @throws INVALID_ARGUMENT naming the option. */
  static of<T>(options: DatagenOptions<T>): DatagenSource<T> {
    return new DatagenSource(options);
  }

  private constructor(options: DatagenOptions<T>) {
    const { type, count, seed = 0, recordsPerSecond } = options;
    requireRate(recordsPerSecond);
    requireInteger("count", count ?? 0, 0);
    requireInteger("seed", seed, Number.MIN_SAFE_INTEGER);
    this.#options = options;
    this.bounded = count !== undefined;
    this.type = type;
    this.description = `datagen(${type.description},${count ?? "unbounded"},${recordsPerSecond ?? "unlimited"},${seed})`;
  }

  createReader(context: SourceReaderContext): SourceReader<T> {
    const { count, generate, recordsPerSecond, seed = 0, timestampOf, type } = this.#options;
    return new IndexedSourceReader<T>(
      {
        count,
        at: (index) => {
          try {
            return type.parse(generate(index, seededRandom(seed, index)));
          } catch (error) {
            throw userCodeException(`datagen: record ${index}`, error);
          }
        },
        timestampOf: (value) => timestampOf?.(value),
      },
      context,
      recordsPerSecond,
    );
  }
}

function requireInteger(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new SluiceException(
    "INVALID_ARGUMENT",
    `${option}: expected an integer from ${least}, got ${showValue(value)}`,
  );
}

const UINT32_RANGE = 2 ** 32;

/** splitmix32 over a mix of seed and index: small, and good enough to make test data of. */
function seededRandom(seed: number, index: number): Random {
  let state = mix(seed) ^ mix(index) ^ mix(Math.floor(index / UINT32_RANGE));
  return {
    next: () => {
      state = (state + 0x9e3779b9) | 0;
      return (mix(state) >>> 0) / UINT32_RANGE;
    },
  };
}

function mix(word: number): number {
  let hash = word | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return hash ^ (hash >>> 15);
}
