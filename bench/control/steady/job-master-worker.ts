import { systemClock } from "../../../src/common/clock.ts";
import { durableObject } from "../../../src/entrypoint/durable-object.ts";
import { JobMaster } from "../../../src/runtime/jobmaster/job-master.ts";
import { JobMasterGateway } from "../../../src/runtime/jobmaster/job-master-gateway.ts";
import { InMemoryObjectStore } from "../../../src/testing/in-memory-object-store.ts";

/** The JobMaster in an isolate of its own, so that a profile of the isolate is one of the JobMaster; its objects in memory. */
export const JobMasterObject = durableObject(
  (context) => new JobMaster(context, { objects: new InMemoryObjectStore(systemClock) }),
  [JobMasterGateway],
);

export default { fetch: () => new Response() } satisfies ExportedHandler;
