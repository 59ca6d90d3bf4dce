import { brandId } from "../../common/ids.ts";
import type { JobID } from "../../common/ids.ts";
import { JarPlanGetHeaders, JarPlanPostHeaders, JarRunHeaders } from "../messages/jar-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { sha256Hex } from "../sha256.ts";
import { jobPlan } from "../view/job-plan.ts";
import { extractJobGraph } from "./graph-extraction.ts";
import { findModule } from "./job-modules.ts";
import { route } from "./rest-handler.ts";
import type { HandlerRequest, RestRoute } from "./rest-handler.ts";
import { checkEntryClass, checkSavepoint, planParameters, runParameters } from "./run-request.ts";

/** Names a submission, so that sending it again starts nothing new. */
export const IDEMPOTENCY_KEY_HEADER = "Idempotency-Key";
const IDEMPOTENCY_KEY = /^[\u0021-\u007e]{1,255}$/;

export const JAR_RUN_ROUTES: readonly RestRoute[] = [
  route(JarPlanGetHeaders, planOf),
  route(JarPlanPostHeaders, planOf),

  route(JarRunHeaders, async (request) => {
    const { path, raw, services } = request;
    const parameters = runParameters(request);
    const idempotencyKey = parseIdempotencyKey(raw.headers.get(IDEMPOTENCY_KEY_HEADER));
    const requestHash = await hashOf({ jarId: path.jarid, ...parameters });
    if (idempotencyKey !== undefined) {
      const lookup = await services.dispatcher.lookupIdempotencyKey(idempotencyKey, requestHash);
      if (lookup.kind === "known") return { jobid: lookup.jobId, applicationId: lookup.jobId };
      if (lookup.kind === "conflict") {
        throw new RestHandlerException(
          409,
          `${IDEMPOTENCY_KEY_HEADER}: "${idempotencyKey}" names another run request already`,
        );
      }
    }
    const uploaded = await findModule(services, path.jarid);
    checkEntryClass(parameters, uploaded);
    await checkSavepoint(parameters, services);
    const jobGraph = await extractJobGraph(services, uploaded, {
      ...parameters,
      jobId: parameters.jobId ?? brandId<JobID>(services.ids.hex()),
    });
    // Of two equal requests in flight the Dispatcher takes one; both get its id.
    const { jobId } = await services.dispatcher.submitJob({
      jobGraph,
      requestHash,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    return { jobid: jobId, applicationId: jobId };
  }),
];

async function planOf({ path, query, body, services }: HandlerRequest<typeof JarPlanPostHeaders>) {
  const parameters = planParameters({ query, body });
  const uploaded = await findModule(services, path.jarid);
  checkEntryClass(parameters, uploaded);
  const jobId = parameters.jobId ?? brandId<JobID>(services.ids.hex());
  return { plan: jobPlan(await extractJobGraph(services, uploaded, { ...parameters, jobId })) };
}

function parseIdempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  if (IDEMPOTENCY_KEY.test(header)) return header;
  throw new RestHandlerException(
    400,
    `${IDEMPOTENCY_KEY_HEADER}: expected 1 to 255 visible ASCII characters, got ${JSON.stringify(header.slice(0, 300))}`,
  );
}

/** Over what the request asks for, not over its bytes: form and field order do not matter. */
function hashOf(request: { readonly jarId: string }): Promise<string> {
  const sorted = Object.entries(request).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return sha256Hex(new TextEncoder().encode(JSON.stringify(sorted)));
}
