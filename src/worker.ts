import type { Environment } from "./entrypoint/environment.ts";
import { handleRequest } from "./entrypoint/rest-worker.ts";

export {
  ClusterRegistryObject,
  DispatcherObject,
  JobMasterObject,
  ResourceManagerObject,
} from "./entrypoint/control-plane-objects.ts";
export { TaskExecutorObject } from "./entrypoint/task-executor-object.ts";

export default { fetch: handleRequest } satisfies ExportedHandler<Environment>;
