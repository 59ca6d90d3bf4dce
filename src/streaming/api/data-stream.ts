import { types } from "../../common/types/type-factories.ts";
import type { TypeInformation } from "../../common/types/type-information.ts";
import { showValue } from "../../common/types/type-mismatch-exception.ts";
import { invalidProgram } from "../graph/invalid-program.ts";
import { keySelection } from "../graph/key-selection.ts";
import { requireOperatorName } from "../graph/operator-name.ts";
import type { KeySelection } from "../graph/stream-node.ts";
import type { Transformation, TransformationBody, TransformationInput } from "../graph/transformation.ts";
import type { AggregateFunction } from "../operators/aggregate-function.ts";
import { StreamFilter } from "../operators/stream-filter.ts";
import { StreamFlatMap } from "../operators/stream-flat-map.ts";
import { StreamMap } from "../operators/stream-map.ts";
import { WindowAggregateOperator } from "../operators/window-aggregate-operator.ts";
import type { NamedAggregates } from "../operators/window-aggregate-operator.ts";
import type { Sink } from "../sink/sink.ts";
import { UNDECLARED_KEY_TYPE } from "../state/key-type.ts";
import type { WindowAssigner } from "../windowing/window-assigner.ts";
import {
  isFunction,
  requireAggregates,
  requireFunction,
  requireKeyType,
  requireMethod,
  requireType,
} from "./argument-checks.ts";
import { DataStreamSink, ProgramStep } from "./program-step.ts";
import type { StreamProgram } from "./stream-program.ts";

/** A stream of records (Flink `DataStream`). Every method adds a step and returns the stream behind it. */
export class DataStream<T> extends ProgramStep {
  /**
   * Declares the type of the records that the last step returns. Undeclared ones are JSON, which is slower on its way between
   * tasks.
   */
  returns(type: TypeInformation<T>): this {
    this.program.requireOpen();
    this.transformation.outputType = requireType("returns", type);
    return this;
  }

  map<R>(mapFunction: (value: T) => R): DataStream<R> {
    requireFunction("map", mapFunction);
    return this.#transform<R>("Map", types.json(), {
      description: "map",
      create: (type) => new StreamMap(erased(mapFunction), type),
    });
  }

  /** Keeps the records for which `predicate` is true. */
  filter(predicate: (value: T) => boolean): DataStream<T> {
    requireFunction("filter", predicate);
    return this.#transform<T>("Filter", this.#type(), {
      description: "filter",
      create: () => new StreamFilter(erased(predicate)),
    });
  }

  /** Any number of records for each: an array, a generator or another iterable. */
  flatMap<R>(flatMapFunction: (value: T) => Iterable<R>): DataStream<R> {
    requireFunction("flatMap", flatMapFunction);
    return this.#transform<R>("Flat Map", types.json(), {
      description: "flatMap",
      create: (type) => new StreamFlatMap(erased(flatMapFunction), type),
    });
  }

  /**
   * Groups records by key; all records of a key meet in one subtask. A field's type is its declared one; results carry the
   * key under the field's name. A selector's keys are strings or booleans, or of the type given with it; results carry them
   * as `key`.
   */
  keyBy<Field extends KeyField<T>>(field: Field): KeyedStream<T, T[Field], Field>;
  keyBy<Key extends string | boolean>(selector: (value: T) => Key): KeyedStream<T, Key, "key">;
  keyBy<Key>(selector: (value: T) => Key, type: TypeInformation<Key>): KeyedStream<T, Key, "key">;
  keyBy(key: unknown, type?: TypeInformation<unknown>): KeyedStream<T, unknown, string> {
    const where = `keyBy after ${JSON.stringify(this.transformation.name)}`;
    if (typeof key === "string") {
      const selection = keySelection(where, (value) => fieldOf(value, key), this.#fieldType(key));
      return new KeyedStream(this.program, this.transformation, { selection, field: key });
    }
    if (!isFunction(key)) throw invalidProgram(`keyBy: expected a field or a function, got ${showValue(key)}`);
    const keyType = requireKeyType("keyBy", type ?? UNDECLARED_KEY_TYPE);
    const selection = keySelection(where, (value) => key(value), keyType);
    return new KeyedStream(this.program, this.transformation, { selection, field: "key" });
  }

  sinkTo(sink: Sink<T>): DataStreamSink {
    requireMethod("sinkTo", sink, { name: "createWriter", expected: 'a sink such as CollectSink.named("rows")' });
    const transformation = this.program.add({
      body: { kind: "sink", sink },
      name: `Sink: ${requireOperatorName(sink.name)}`,
      input: { from: this.transformation },
    });
    return new DataStreamSink(this.program, transformation);
  }

  #type(): TypeInformation<unknown> {
    return this.transformation.outputType ?? types.json();
  }

  #transform<R>(
    name: string,
    outputType: TypeInformation<unknown>,
    body: Pick<Extract<TransformationBody, { kind: "operator" }>, "description" | "create">,
  ): DataStream<R> {
    const transformation = this.program.add({
      body: { kind: "operator", stateful: false, ...body },
      name,
      outputType,
      input: { from: this.transformation },
    });
    return new DataStream<R>(this.program, transformation);
  }

  #fieldType(field: string): TypeInformation<unknown> {
    const { column, description } = this.#type();
    const where = `keyBy(${JSON.stringify(field)})`;
    if (column.kind !== "row") {
      throw invalidProgram(
        `${where}: the records of ${JSON.stringify(this.transformation.name)} are ${description} without declared fields. Add .returns(types.row({ ... })) before it, or give keyBy a selector.`,
      );
    }
    const type = new Map(column.fields).get(field);
    if (type !== undefined) return requireKeyType(where, type);
    const names = column.fields.map(([name]) => name).join(", ");
    throw invalidProgram(`${where}: ${JSON.stringify(this.transformation.name)} has no such field. It has ${names}.`);
  }
}

/** Fields of a record that may be its key. */
export type KeyField<T> = keyof T & string;

interface Keying {
  readonly selection: KeySelection;
  readonly field: string;
}

/** A stream whose records are grouped by key. */
export class KeyedStream<T, Key, Field extends string> {
  readonly #program: StreamProgram;
  readonly #from: Transformation;
  readonly #keying: Keying;

  /** Made by {@link DataStream.keyBy}. */
  constructor(program: StreamProgram, from: Transformation, keying: Keying) {
    this.#program = program;
    this.#from = from;
    this.#keying = keying;
  }

  window(assigner: WindowAssigner): WindowedStream<T, Key, Field> {
    requireMethod("window", assigner, {
      name: "assignWindows",
      expected: "windows such as TumblingEventTimeWindows.of(hours(6))",
    });
    return new WindowedStream(this.#program, { from: this.#from, keying: this.#keying, assigner });
  }
}

interface Windowing {
  readonly from: Transformation;
  readonly keying: Keying;
  readonly assigner: WindowAssigner;
}

/** Named aggregates of records of type `T`, in the order of the result's fields. */
export type Aggregates<T> = Readonly<Record<string, AggregateFunction<T, unknown, unknown>>>;

/** One result per key and window. Times in epoch milliseconds. */
export type WindowResult<Key, Field extends string, Functions> = {
  readonly [Name in Field | "window_start" | "window_end" | keyof Functions]: Name extends keyof Functions
    ? AggregateResult<Functions[Name]>
    : Name extends Field
      ? Key
      : number;
};

type AggregateResult<Function> = Function extends { readonly resultType: TypeInformation<infer Out> } ? Out : never;

/** A keyed stream cut into windows. */
export class WindowedStream<T, Key, Field extends string> {
  readonly #program: StreamProgram;
  readonly #windowing: Windowing;

  /** Made by {@link KeyedStream.window}. */
  constructor(program: StreamProgram, windowing: Windowing) {
    this.#program = program;
    this.#windowing = windowing;
  }

  /**
   * Computes `functions` record by record and emits one row per key and window when the watermark has passed the window's end:
   * the key, `window_start`, `window_end`, then the aggregates in their order. Records that come after that are dropped and counted.
   */
  aggregate<const Functions extends Aggregates<T>>(
    functions: Functions,
  ): DataStream<WindowResult<Key, Field, Functions>> {
    const { from, assigner, keying } = this.#windowing;
    const aggregates: NamedAggregates = functions;
    const names = requireAggregates(aggregates, keying.field);
    const key = keying.selection;
    const input: TransformationInput = { from, key };
    const described = names.map((name) => `${JSON.stringify(name)}:${aggregates[name]?.description ?? ""}`);
    const outputType = types.row({
      [keying.field]: key.type,
      window_start: types.long(),
      window_end: types.long(),
      ...Object.fromEntries(Object.entries(aggregates).map(([name, { resultType }]) => [name, resultType])),
    });
    const transformation = this.#program.add({
      body: {
        kind: "operator",
        description: `window(${assigner.description},${JSON.stringify(keying.field)},${described.join(",")})`,
        stateful: true,
        create: () => new WindowAggregateOperator({ assigner, key, keyField: keying.field, aggregates }),
      },
      name: assigner.name,
      outputType,
      input,
    });
    return new DataStream(this.#program, transformation);
  }
}

/** Inside the engine values are untyped; the graph only ever hands a function the records of its own input. */
function erased<T, R>(userFunction: (value: T) => R): (value: unknown) => R {
  return (value) => userFunction(value as T);
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
