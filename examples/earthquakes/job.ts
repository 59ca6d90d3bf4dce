import {
  CollectSink,
  count,
  defineJob,
  hours,
  max,
  mean,
  minutes,
  ObjectSource,
  seconds,
  TumblingEventTimeWindows,
  types,
  WatermarkStrategy,
} from "sluice";

const Quake = types.row({
  id: types.string(),
  time: types.long(),
  mag: types.double(),
  place: types.string(),
  net: types.string(),
  longitude: types.double(),
  latitude: types.double(),
  depth: types.double(),
});

/** Slow enough to watch. */
const quakes = ObjectSource.ndjson("earthquakes.ndjson", Quake, { recordsPerSecond: 150 });

export default defineJob({ name: "earthquakes", parallelism: 4, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(
      quakes,
      WatermarkStrategy.forBoundedOutOfOrderness(minutes(1)).withTimestampAssigner((quake) => quake.time),
      "quakes",
    )
    .keyBy("net")
    .window(TumblingEventTimeWindows.of(hours(6)))
    .aggregate({
      count: count(),
      max_mag: max((quake) => quake.mag),
      mean_depth: mean((quake) => quake.depth, { decimals: 3 }),
    })
    .uid("quakes-per-network")
    .sinkTo(CollectSink.named("rows"));
});
