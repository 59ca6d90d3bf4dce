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
