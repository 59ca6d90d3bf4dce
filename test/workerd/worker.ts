export {
  FailingProbeObject,
  FencedProbeObject,
  FilteredProbeObject,
  ProbeObject,
  SlowProbeObject,
} from "../fixtures/rpc/probe-objects.ts";
export { BareJob, BareTask, JobObject, TaskObject } from "../fixtures/rpc/walk-through.ts";

export default { fetch: (): Response => new Response("sluice test worker") };
