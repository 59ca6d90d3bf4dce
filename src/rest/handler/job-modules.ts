import type { UploadedModule } from "../../runtime/messages/job-submission.ts";
import { decodeText } from "../request-parsing.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import type { ClusterServices } from "./rest-handler.ts";

/** Name of the place that modules lie in, as Flink's answers print it. */
export const UPLOAD_DIRECTORY = "sluice-web-upload";

/** Modules are addressed by their content, so the same text is stored once. */
export function moduleKey(cluster: string, hash: string): string {
  return `v1/${cluster}/modules/${hash}.js`;
}

/** @throws RestHandlerException 400 in Flink's words if there is none. */
export async function findModule(services: ClusterServices, id: string): Promise<UploadedModule> {
  const found = (await services.dispatcher.listModules()).find((candidate) => candidate.id === id);
  if (found === undefined) throw new RestHandlerException(400, `Jar file ${UPLOAD_DIRECTORY}/${id} does not exist`);
  return found;
}

/** Text of a registered module. */
export async function readModule(services: ClusterServices, { id, module }: UploadedModule): Promise<string> {
  const stored = await services.objects.get(module.key);
  if (stored === undefined) {
    throw new RestHandlerException(
      400,
      `The content of ${UPLOAD_DIRECTORY}/${id} is gone from the object store. Upload it again.`,
    );
  }
  return decodeText(stored.bytes, `The module ${id}`);
}
