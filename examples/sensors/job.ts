import {
  DatagenSource,
  defineJob,
  max,
  mean,
  min,
  ObjectSink,
  seconds,
  TumblingEventTimeWindows,
  types,
  WatermarkStrategy,
} from "sluice";

const Reading = types.row({ sensor: types.int(), at: types.long(), celsius: types.double() });

const SENSORS = 8;
const BEGIN = Date.UTC(2026, 0, 1);
/** Event time between two readings. */
const STEP_MILLIS = 250;
/** Outside of it a sensor is broken. */
const PLAUSIBLE = { least: -40, greatest: 60 };

/** The same readings in every run: each depends on its number alone. */
const readings = DatagenSource.of({
  type: Reading,
  count: 2_000,
  recordsPerSecond: 400,
  generate: (index, random) => ({
    sensor: index % SENSORS,
    at: BEGIN + index * STEP_MILLIS,
    celsius: 20 + 10 * Math.sin(index / 200) + (random.next() < 0.01 ? 100 : random.next()),
  }),
});

export default defineJob({ name: "sensors", parallelism: 4, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(
      readings,
      WatermarkStrategy.forBoundedOutOfOrderness(seconds(2)).withTimestampAssigner((reading) => reading.at),
      "readings",
    )
    .filter(({ celsius }) => celsius > PLAUSIBLE.least && celsius < PLAUSIBLE.greatest)
    .name("plausible")
    .keyBy("sensor")
    .window(TumblingEventTimeWindows.of(seconds(30)))
    .aggregate({
      coldest: min((reading) => reading.celsius),
      warmest: max((reading) => reading.celsius),
      mean: mean((reading) => reading.celsius, { decimals: 2 }),
    })
    .uid("temperatures")
    .sinkTo(ObjectSink.ndjson("sensors/temperatures"));
});
