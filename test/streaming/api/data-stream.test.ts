import { describe, expect, it } from "vitest";
import { hours } from "../../../src/common/duration.ts";
import { types } from "../../../src/common/types/type-factories.ts";
import type { DataStream } from "../../../src/streaming/api/data-stream.ts";
import { StreamExecutionEnvironment } from "../../../src/streaming/api/stream-execution-environment.ts";
import { StreamProgram } from "../../../src/streaming/api/stream-program.ts";
import type { KeySelection } from "../../../src/streaming/graph/stream-node.ts";
import { count } from "../../../src/streaming/operators/aggregates.ts";
import { CollectionSource } from "../../../src/streaming/source/collection-source.ts";
import { TumblingEventTimeWindows } from "../../../src/streaming/windowing/tumbling-event-time-windows.ts";
import { discardingSink } from "../graph/discarding-sink.ts";

const Quake = types.row({
  id: types.string(),
  net: types.string(),
  level: types.int(),
  felt: types.optional(types.int()),
});
const quake = { id: "ci37868143", net: "ci", level: 2 };

interface Built {
  readonly program: StreamProgram;
  readonly quakes: DataStream<typeof quake>;
}

function program(): Built {
  const steps = new StreamProgram();
  return { program: steps, quakes: new StreamExecutionEnvironment(steps).fromCollection([quake], Quake) };
}

/** The key selection that `keyBy` with these arguments makes. */
function keyedBy(...args: readonly unknown[]): KeySelection {
  const { program: steps, quakes } = program();
  const keyed = Reflect.apply(quakes.keyBy, quakes, args) as ReturnType<typeof quakes.keyBy>;
  keyed.window(TumblingEventTimeWindows.of(hours(6))).aggregate({ count: count() });
  const key = steps.seal().at(-1)?.input?.key;
  if (key === undefined) throw new Error("no key");
  return key;
}

describe("keyBy", () => {
  it("takes a field with its declared type", () => {
    const key = keyedBy("level");
    expect(key.type).toBe(types.int());
    expect(key.select(quake)).toBe(2);
  });

  it("takes strings and booleans from a selector, and declared types", () => {
    expect(keyedBy((value: typeof quake) => value.net).select(quake)).toBe("ci");
    expect(keyedBy((value: typeof quake) => value.level > 1).select(quake)).toBe(true);
    expect(keyedBy((value: typeof quake) => value.level, types.long()).select(quake)).toBe(2);
    const Row = types.row({ net: types.string(), level: types.int() });
    expect(keyedBy((value: unknown) => value, Row).select(quake)).toEqual({ net: "ci", level: 2 });
  });

  const KEYS = "Keys are strings, booleans, typed numbers or rows of these.";

  it.each([
    [(): undefined => undefined, [], `the key selector returned undefined for record 812 (id ci37868143). ${KEYS}`],
    [(): null => null, [], `the key selector returned null for record 812 (id ci37868143). ${KEYS}`],
    [
      (): number => 5,
      [],
      `the key selector returned 5 for record 812 (id ci37868143). Declare a number's type: keyBy(selector, types.int()), types.long() or types.double(). ${KEYS}`,
    ],
    [
      (): number => 1.5,
      [types.int()],
      `the key selector returned 1.5 for record 812 (id ci37868143). The declared key type is int. ${KEYS}`,
    ],
  ])("says which record has no key: %#", (selector, type, message) => {
    expect(() => keyedBy(selector, ...type).select(quake, 812)).toThrow(
      expect.objectContaining({ code: "USER_CODE", message: `keyBy after "Source: Collection": ${message}` }),
    );
  });

  it("says for which record the selector failed", () => {
    const broken = (): never => {
      throw new TypeError("no such thing");
    };
    expect(() => keyedBy(broken).select(quake)).toThrow(
      'keyBy after "Source: Collection": the key selector failed for record (id ci37868143): no such thing',
    );
  });

  it.each([
    [["depth"], 'keyBy("depth"): "Source: Collection" has no such field. It has id, net, level, felt.'],
    [["felt"], `keyBy("felt"): optional<int> is no type for keys. ${KEYS}`],
    [[(): number => 1, types.json()], `keyBy: json is no type for keys. ${KEYS}`],
    [[5], "keyBy: expected a field or a function, got 5"],
  ])("refuses %j while the graph is built", (args, message) => {
    expect(() => keyedBy(...args)).toThrow(expect.objectContaining({ code: "INVALID_PROGRAM", message }));
  });

  it("needs declared fields for a field", () => {
    const undeclared = program().quakes.map((value) => ({ net: value.net }));
    expect(() => undeclared.keyBy("net")).toThrow(
      'keyBy("net"): the records of "Map" are json without declared fields. Add .returns(types.row({ ... })) before it, or give keyBy a selector.',
    );
    const declared = undeclared.returns(types.row({ net: types.string() }));
    expect(() => declared.keyBy("net")).not.toThrow();
  });
});

describe("aggregate", () => {
  const windowed = (): ReturnType<ReturnType<DataStream<typeof quake>["keyBy"]>["window"]> =>
    program()
      .quakes.keyBy("net")
      .window(TumblingEventTimeWindows.of(hours(6)));

  it.each([
    [{}, "aggregate: expected at least one aggregate such as { count: count() }, got {}"],
    [{ net: count() }, "aggregate: net is a field of every result already; use another name"],
    [{ window_end: count() }, "aggregate: window_end is a field of every result already; use another name"],
    [{ total: 5 }, "aggregate: total: expected an aggregate such as count(), got 5"],
    [{ total: undefined }, "aggregate: total: expected an aggregate such as count(), got undefined"],
  ])("refuses %j", (functions, message) => {
    const stream = windowed();
    expect((): unknown => Reflect.apply(stream.aggregate, stream, [functions])).toThrow(
      expect.objectContaining({ code: "INVALID_PROGRAM", message }),
    );
  });
});

describe("fromSource and window", () => {
  it("say what they expected", () => {
    const env = new StreamExecutionEnvironment(new StreamProgram());
    const from = (...args: readonly unknown[]): unknown => Reflect.apply(env.fromSource, env, args);
    expect(() => from("quakes.ndjson")).toThrow(
      'fromSource: expected a source such as ObjectSource.ndjson(key, type), got "quakes.ndjson"',
    );
    expect(() => from(CollectionSource.of([quake], Quake), "quakes")).toThrow(
      'fromSource: expected a WatermarkStrategy such as WatermarkStrategy.noWatermarks(), got "quakes"',
    );
    const keyed = program().quakes.keyBy("net");
    expect((): unknown => Reflect.apply(keyed.window, keyed, [6])).toThrow(
      "window: expected windows such as TumblingEventTimeWindows.of(hours(6)), got 6",
    );
  });
});

describe("settings", () => {
  it("describe the step just made", () => {
    const { program: steps, quakes } = program();
    quakes
      .map((value) => value)
      .name("copy")
      .uid("copy-1")
      .setParallelism(2)
      .sinkTo(discardingSink("rows"))
      .name("rows of quakes");
    expect(steps.seal().map(({ name, uid, parallelism }) => [name, uid, parallelism])).toEqual([
      ["Source: Collection", undefined, 1],
      ["copy", "copy-1", 2],
      ["rows of quakes", undefined, undefined],
    ]);
  });

  it.each([
    ["name", "", 'name: expected a text of 1 to 255 characters, got ""'],
    ["uid", 7, "uid: expected a text of 1 to 255 characters, got 7"],
    ["setParallelism", 0, "parallelism: expected an integer from 1 to 128, got 0"],
    ["returns", "int", 'returns: expected a type such as types.string(), got "int"'],
    ["map", "x", 'map: expected a function, got "x"'],
    ["filter", undefined, "filter: expected a function, got undefined"],
    ["flatMap", {}, "flatMap: expected a function, got {}"],
    ["sinkTo", "rows", 'sinkTo: expected a sink such as CollectSink.named("rows"), got "rows"'],
  ] as const)("%s(%j) is refused", (method, argument, message) => {
    const { quakes } = program();
    expect((): unknown => Reflect.apply(quakes[method], quakes, [argument])).toThrow(
      expect.objectContaining({ code: "INVALID_PROGRAM", message }),
    );
  });
});
