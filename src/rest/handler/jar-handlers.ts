import { SLUICE_VERSION } from "../../common/version.ts";
import type { UploadedModule } from "../../runtime/messages/job-submission.ts";
import {
  JarDeleteHeaders,
  JarListHeaders,
  JarUploadHeaders,
  MODULE_SIZE_LIMIT_BYTES,
} from "../messages/jar-messages.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { sha256Hex } from "../sha256.ts";
import { moduleKey, UPLOAD_DIRECTORY } from "./job-modules.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";
import { readUploadedFile, textOf } from "./uploaded-file.ts";

/** Job modules take the place of Flink's jars (contract: rest-v1 3.2). */
export const JAR_ROUTES: readonly RestRoute[] = [
  route(JarListHeaders, async ({ raw, services }) => ({
    address: new URL(raw.url).origin,
    files: (await services.dispatcher.listModules()).map(({ id, name, uploadedMillis, jobName }) => ({
      id,
      name,
      uploaded: uploadedMillis,
      entry: [{ name: jobName, description: null }],
    })),
  })),

  // Nothing is stored before the module proved sound. The object goes first: an entry of the index never dangles.
  route(JarUploadHeaders, async ({ raw, query, services }) => {
    const file = await readUploadedFile(raw, query.filename, MODULE_SIZE_LIMIT_BYTES);
    const { moduleBytes } = await services.dispatcher.requestClusterQuotas();
    if (file.bytes.byteLength > moduleBytes) {
      throw new RestHandlerException(
        429,
        `moduleBytes: the cluster takes modules of at most ${moduleBytes} bytes, ${file.name} has ${file.bytes.byteLength}`,
      );
    }
    const { jobName } = await services.modules.inspect(textOf(file), file.name);
    const hash = await sha256Hex(file.bytes);
    const module: UploadedModule = {
      id: `${formatUuid(services.ids.hex())}_${file.name}`,
      name: file.name,
      uploadedMillis: services.clock.now(),
      size: file.bytes.byteLength,
      module: { hash, key: moduleKey(services.cluster, hash), name: file.name, runtimeVersion: SLUICE_VERSION },
      jobName,
    };
    await services.objects.put(module.module.key, file.bytes);
    await services.dispatcher.registerModule(module);
    return { filename: `${UPLOAD_DIRECTORY}/${module.id}`, status: "success" as const };
  }),

  // The object stays: jobs that were started from it read it again after every recovery.
  route(JarDeleteHeaders, async ({ path, services }) => {
    if (!(await services.dispatcher.deleteModule(path.jarid))) {
      throw new RestHandlerException(400, `File ${path.jarid} does not exist in ${UPLOAD_DIRECTORY}.`);
    }
    return {};
  }),
];

function formatUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
