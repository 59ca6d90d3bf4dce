export { FailingProbeObject, FencedProbeObject, ProbeObject, SlowProbeObject } from "../fixtures/rpc/probe-objects.ts";

export default { fetch: (): Response => new Response("sluice test worker") };
