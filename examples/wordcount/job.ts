import {
  CollectionSource,
  CollectSink,
  count,
  defineJob,
  minutes,
  seconds,
  TumblingEventTimeWindows,
  types,
  WatermarkStrategy,
} from "sluice";

const Line = types.row({ at: types.long(), text: types.string() });

/** A conversation: what was said, and when (milliseconds from its start). */
const lines = [
  { at: 1_000, text: "To be, or not to be, that is the question" },
  { at: 42_000, text: "Whether 'tis nobler in the mind to suffer" },
  { at: 61_000, text: "To die, to sleep; to sleep, perchance to dream" },
  { at: 90_000, text: "ay, there's the rub" },
];

export default defineJob({ name: "wordcount", parallelism: 2, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(
      CollectionSource.of(lines, Line),
      WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner((line) => line.at),
      "lines",
    )
    .flatMap((line) => line.text.toLowerCase().match(/[a-z']+/g) ?? [])
    .returns(types.string())
    .keyBy((word) => word)
    .window(TumblingEventTimeWindows.of(minutes(1)))
    .aggregate({ count: count() })
    .uid("words-per-minute")
    .sinkTo(CollectSink.named("counts"));
});
