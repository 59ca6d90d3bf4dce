import { CollectSink, defineJob, HttpSource, seconds, types } from "sluice";

const Reading = types.row({ sensor: types.string(), celsius: types.double() });
const Alert = types.row({ sensor: types.string(), text: types.string() });

const TOO_WARM = 30;

/** Readings are sent to it over HTTP; while nobody sends any it sleeps. */
export default defineJob({ name: "alerts", parallelism: 2, checkpointing: { interval: seconds(1) } }, (env) => {
  env
    .fromSource(HttpSource.ndjson("readings", Reading), undefined, "readings")
    .filter(({ celsius }) => celsius > TOO_WARM)
    .name("too warm")
    .map(({ sensor, celsius }) => ({ sensor, text: `${celsius} degrees, at most ${TOO_WARM} are fine` }))
    .returns(Alert)
    .sinkTo(CollectSink.named("alerts"));
});
