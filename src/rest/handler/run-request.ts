import type { JobID } from "../../common/ids.ts";
import { SluiceException } from "../../common/exceptions.ts";
import { METADATA, SnapshotLocation } from "../../runtime/checkpoint/snapshot-location.ts";
import { MAX_PARALLELISM } from "../../runtime/jobgraph/job-configuration.ts";
import type { RestartStrategyConfiguration } from "../../runtime/jobgraph/job-configuration.ts";
import { isRestartStrategyKey, parseRestartStrategy } from "../../runtime/jobgraph/restart-strategy-options.ts";
import type { SavepointRestoreSettings } from "../../runtime/jobgraph/savepoint-restore-settings.ts";
import type { UploadedModule } from "../../runtime/messages/job-submission.ts";
import type { JarPlanPostHeaders, JarRunHeaders } from "../messages/jar-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import type { ClusterServices, HandlerRequest } from "./rest-handler.ts";
import { namingField } from "./savepoint-handlers.ts";

/** What a run or plan request asks for, body over query (contract: rest-v1 3.2). */
export interface RunParameters {
  readonly jobId: JobID | undefined;
  readonly parallelism: number | undefined;
  readonly strict: boolean;
  /** For a job that sets none itself (contract: runtime-semantics FO-14). */
  readonly restartStrategy: RestartStrategyConfiguration | undefined;
  readonly entryClass: string | undefined;
  /** What the job starts from; absent: it starts empty. */
  readonly savepoint?: SavepointRestoreSettings;
}

/** Of Flink's configuration keys the ones that a module's job can take from outside: this, and `restart-strategy.*`. */
const PARALLELISM_KEY = "parallelism.default";

type PlanRequest = Pick<HandlerRequest<typeof JarPlanPostHeaders>, "query" | "body">;
type RunRequest = Pick<HandlerRequest<typeof JarRunHeaders>, "query" | "body" | "bodyFields">;

/**
 * Nothing that was asked for is dropped silently.
 *
 * @throws RestHandlerException 400 naming a parameter that a job module cannot honour.
 */
export function planParameters({ query, body }: PlanRequest): RunParameters {
  const programArguments =
    body.programArgsList?.join(" ") ?? body.programArgs ?? query.programArg ?? query["program-args"];
  if (programArguments !== undefined && programArguments !== "") {
    throw new RestHandlerException(
      400,
      `programArgsList: a job module takes no program arguments, got "${programArguments}"`,
    );
  }
  const configuration = body.flinkConfiguration ?? {};
  for (const key of Object.keys(configuration)) {
    if (key === PARALLELISM_KEY || isRestartStrategyKey(key)) continue;
    throw new RestHandlerException(
      400,
      `flinkConfiguration: expected no key but ${PARALLELISM_KEY} and restart-strategy.*, got "${key}"`,
    );
  }
  return {
    jobId: body.jobId,
    parallelism: body.parallelism ?? query.parallelism ?? configuredParallelism(configuration[PARALLELISM_KEY]),
    strict: query.strict ?? false,
    restartStrategy: configuredRestartStrategy(configuration),
    entryClass: body.entryClass ?? query["entry-class"],
  };
}

/** @throws as {@link planParameters}; also for a savepoint path that cannot be one. */
export function runParameters(request: RunRequest): RunParameters {
  // The dashboard sends its program arguments as the query's savepoint path, and the field in the body, so the body decides.
  const savepointPath = request.bodyFields.has("savepointPath")
    ? request.body.savepointPath
    : request.query.savepointPath;
  const parameters = planParameters(request);
  if (savepointPath === undefined) return parameters;
  const { body, query } = request;
  return {
    ...parameters,
    savepoint: {
      restorePath: namingField("savepointPath", () => SnapshotLocation.parse(savepointPath)).toString(),
      allowNonRestoredState: body.allowNonRestoredState ?? query.allowNonRestoredState ?? false,
      claimMode: body.claimMode ?? body.restoreMode ?? "NO_CLAIM",
    },
  };
}

/** @throws RestHandlerException 400 if there is nothing at the path: better now than by a job that fails at once. */
export async function checkSavepoint({ savepoint }: RunParameters, services: ClusterServices): Promise<void> {
  if (savepoint === undefined) return;
  const { directory } = SnapshotLocation.parse(savepoint.restorePath);
  if ((await services.objects.head(`v1/${services.cluster}/${directory}${METADATA}`)) !== undefined) return;
  throw new RestHandlerException(
    400,
    `savepointPath: there is no savepoint or checkpoint at "${savepoint.restorePath}"`,
  );
}

/** @throws RestHandlerException 400 if another job than the module's is asked for. */
export function checkEntryClass(parameters: RunParameters, { name, jobName }: UploadedModule): void {
  if (parameters.entryClass === undefined || parameters.entryClass === jobName) return;
  throw new RestHandlerException(
    400,
    `entryClass: ${name} defines only the job "${jobName}", got "${parameters.entryClass}"`,
  );
}

function configuredRestartStrategy(
  configuration: Readonly<Record<string, string>>,
): RestartStrategyConfiguration | undefined {
  try {
    return parseRestartStrategy(configuration);
  } catch (error) {
    if (!SluiceException.is(error, "INVALID_ARGUMENT")) throw error;
    throw new RestHandlerException(400, `flinkConfiguration.${error.message}`);
  }
}

function configuredParallelism(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MAX_PARALLELISM) return value;
  throw new RestHandlerException(
    400,
    `flinkConfiguration.${PARALLELISM_KEY}: expected an integer from 1 to ${MAX_PARALLELISM}, got "${text}"`,
  );
}
