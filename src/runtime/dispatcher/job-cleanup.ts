import type { JobID } from "../../common/ids.ts";
import { jobPrefix, resultsPrefix } from "../blob/job-object-store.ts";
import type { ObjectStore } from "../blob/object-store.ts";

/**
 * Removes a job's objects from the object store. Idempotent.
 *
 * @param what `snapshots` keeps the results of collect sinks; `everything` does not.
 */
export async function deleteJobObjects(
  objects: ObjectStore,
  job: { readonly cluster: string; readonly jobId: JobID },
  what: "snapshots" | "everything",
): Promise<void> {
  const results = resultsPrefix(job.cluster, job.jobId);
  const found = await objects.list(jobPrefix(job.cluster, job.jobId));
  const keys = found.map(({ key }) => key).filter((key) => what === "everything" || !key.startsWith(results));
  if (keys.length > 0) await objects.delete(keys);
}
