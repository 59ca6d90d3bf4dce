/** Windows over an endless generator: runs until it is cancelled. */
export const UNBOUNDED = `
import { CollectSink, count, DatagenSource, defineJob, seconds, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.string() });
export default defineJob({ name: "unbounded", checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(
      DatagenSource.of({ type: Row, generate: (index) => ({ index, key: "k" + (index % 7) }), recordsPerSecond: 50, timestampOf: (row) => row.index * 20 }),
      WatermarkStrategy.forMonotonousTimestamps(),
      "numbers",
    )
    .keyBy("key")
    .window(TumblingEventTimeWindows.of(seconds(1)))
    .aggregate({ count: count() })
    .sinkTo(CollectSink.named("numbers"));
});
`;

/** Three records into a sink. */
export const BOUNDED = `
import { CollectSink, CollectionSource, defineJob, seconds, types } from "sluice";
export default defineJob({ name: "bounded", checkpointing: { interval: seconds(1) } }, (env) => {
  env.fromSource(CollectionSource.of([1, 2, 3], types.int()), undefined, "three").sinkTo(CollectSink.named("three"));
});
`;

/** What is sent to its source, in a sink. */
export const PUSHED = `
import { CollectSink, defineJob, HttpSource, seconds, types } from "sluice";
const Reading = types.row({ sensor: types.string(), value: types.int() });
export default defineJob({ name: "pushed", parallelism: 2, checkpointing: { interval: seconds(2) } }, (env) => {
  env
    .fromSource(HttpSource.ndjson("readings", Reading), undefined, "readings")
    .map((reading) => ({ ...reading }))
    .returns(Reading)
    .setParallelism(1)
    .sinkTo(CollectSink.named("rows"));
});
`;

/** A window for each of two records, 20 s apart. */
export const SELDOM = `
import { CollectSink, count, DatagenSource, defineJob, seconds, TumblingEventTimeWindows, types, WatermarkStrategy } from "sluice";
const Row = types.row({ index: types.long(), key: types.string() });
export default defineJob({ name: "seldom", checkpointing: { interval: seconds(2) } }, (env) => {
  env
    .fromSource(
      DatagenSource.of({ type: Row, generate: (index) => ({ index, key: "k" }), recordsPerSecond: 1 / 20, count: 2, timestampOf: (row) => row.index * 1_000 }),
      WatermarkStrategy.forMonotonousTimestamps(),
      "numbers",
    )
    .keyBy("key")
    .window(TumblingEventTimeWindows.of(seconds(1)))
    .aggregate({ count: count() })
    .sinkTo(CollectSink.named("rows"));
});
`;
