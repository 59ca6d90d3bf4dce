import {
  count,
  CollectSink,
  defineJob,
  hours,
  max,
  mean,
  ObjectSource,
  sum,
  TumblingEventTimeWindows,
  types,
  WatermarkStrategy,
} from "sluice";
import type { AggregateFunction, DataStream, JsonValue, Sink, TypeInformation, TypeOf } from "sluice";

type Equal<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Fails to compile unless `Condition` is `true`. */
function holds<Condition extends true>(_why?: Condition): void {}

const Quake = types.row({
  id: types.string(),
  net: types.string(),
  level: types.int(),
  mag: types.double(),
  felt: types.optional(types.int()),
  tags: types.list(types.row({ name: types.string() })),
});
type Quake = TypeOf<typeof Quake>;

// Types of declared records.
holds<
  Equal<
    Quake,
    {
      readonly id: string;
      readonly net: string;
      readonly level: number;
      readonly mag: number;
      readonly felt?: number;
      readonly tags: readonly { readonly name: string }[];
    }
  >
>();
holds<Equal<TypeOf<ReturnType<typeof types.json>>, unknown>>();
const anyJson = types.json();
holds<Equal<TypeOf<typeof anyJson>, JsonValue>>();
const scores = types.map(types.double());
holds<Equal<TypeOf<typeof scores>, Readonly<Record<string, number>>>>();
// @ts-expect-error a required field is missing
const incomplete: Quake = { id: "a", net: "ak", mag: 1, tags: [] };
void incomplete;

interface PerNet {
  readonly net: string;
  readonly window_start: number;
  readonly window_end: number;
  readonly count: number;
  readonly max_mag: number;
  readonly names: readonly string[];
}

/** A custom aggregate whose result is no number. */
declare const names: AggregateFunction<Quake, readonly string[], readonly string[]>;
declare const perNetSink: Sink<PerNet>;
declare const textSink: Sink<string>;

defineJob({ name: "types" }, (env) => {
  const quakes = env.fromSource(
    ObjectSource.ndjson("quakes.ndjson", Quake),
    WatermarkStrategy.forBoundedOutOfOrderness(hours(1)).withTimestampAssigner((quake) => quake.level),
    "quakes",
  );
  holds<Equal<typeof quakes, DataStream<Quake>>>();

  // The selectors' parameter is the record; the result has the key's field, the window and each aggregate's type.
  const perNet = quakes
    .keyBy("net")
    .window(TumblingEventTimeWindows.of(hours(6)))
    .aggregate({ count: count(), max_mag: max((quake) => quake.mag), names });
  perNet.sinkTo(perNetSink);
  perNet.map((row) => holds<Equal<typeof row.net, string>>(true));
  perNet.sinkTo(CollectSink.named("rows"));
  // @ts-expect-error the sink takes texts
  perNet.sinkTo(textSink);

  // A selector's key comes as `key`.
  const perLevel = quakes
    .keyBy((quake) => quake.level, types.int())
    .window(TumblingEventTimeWindows.of(hours(6)))
    .aggregate({ total: sum((quake) => quake.mag) });
  perLevel.map((row) => holds<Equal<typeof row.key, number>>(true));
  // @ts-expect-error there is no such field in the result
  perLevel.map((row) => void row.level);

  // @ts-expect-error a number as key needs a declared type
  quakes.keyBy((quake) => quake.level);
  // @ts-expect-error no such field
  quakes.keyBy("depth");
  // @ts-expect-error the record has no such field
  quakes.map((quake) => void quake.depth);
  // @ts-expect-error a predicate returns a boolean
  quakes.filter(async (quake) => quake.mag > 1);
  quakes
    .keyBy("net")
    .window(TumblingEventTimeWindows.of(hours(6)))
    // @ts-expect-error a selector returns a number
    .aggregate({ mean: mean((quake) => quake.id) });

  const pairs = quakes.flatMap((quake) => [quake.id, quake.net]);
  holds<Equal<typeof pairs, DataStream<string>>>();
  pairs.returns(types.string());
  // @ts-expect-error texts are no numbers
  pairs.returns(types.double());
  // @ts-expect-error undeclared records from a collection are JSON
  env.fromCollection([() => 1]);
});

// @ts-expect-error a job has a name
defineJob({}, () => {});
// @ts-expect-error durations are made by seconds(1) and the like
defineJob({ name: "x", checkpointing: { interval: 1_000 } }, () => {});

/** Types of rows are assignable where less is asked for. */
const narrower: TypeInformation<{ readonly id: string }> = Quake;
void narrower;
