import { parseArgs } from "node:util";
import { simulateCluster } from "../test/simulation/simulate-cluster.ts";

const { values } = parseArgs({ options: { seeds: { type: "string" }, seed: { type: "string" }, json: { type: "boolean" }, from: {type: "string"} } });
const print = (line: string): void => console.log(line);
if (values.seed !== undefined) {
  const result = await simulateCluster(Number(values.seed), { print });
  console.log(result);
} else {
  const t0 = performance.now();
  let v = 0; let ev = 0;
  const from = Number(values.from ?? 1);
  for (let seed = from; seed < from + Number(values.seeds ?? 10); seed += 1) {
    const r = await simulateCluster(seed);
    ev += r.events;
    if (r.violations.length > 0) { v++; console.log(seed, r.virtualMillis / 1000, r.statuses, r.violations.map((x) => x.slice(0, 300))); }
  }
  console.log({ v, ev, ms: performance.now() - t0 });
}
