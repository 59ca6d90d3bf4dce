import { objectsPrefix } from "../../runtime/blob/job-object-store.ts";
import type { ObjectInfo } from "../../runtime/blob/object-store.ts";
import {
  OBJECT_SIZE_LIMIT_BYTES,
  ObjectDeleteHeaders,
  ObjectGetHeaders,
  ObjectListHeaders,
  ObjectPutHeaders,
} from "../messages/sluice-messages.ts";
import { readBody } from "../request-body.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { route } from "./rest-handler.ts";
import type { ClusterServices, RestRoute } from "./rest-handler.ts";

/** Users' objects: what jobs read, and what object sinks wrote. */
export const OBJECT_ROUTES: readonly RestRoute[] = [
  route(ObjectListHeaders, async ({ query, services }) => {
    const objects = await services.objects.list(objectsPrefix(services.cluster) + (query.prefix ?? ""));
    return { objects: objects.map((info) => objectInfo(services, info)) };
  }),

  route(ObjectPutHeaders, async ({ path, raw, services }) => {
    const bytes = await readBody(raw, OBJECT_SIZE_LIMIT_BYTES);
    const info = await services.objects.put(objectsPrefix(services.cluster) + path.key, bytes);
    if (info === undefined) throw new RestHandlerException(409, `The object ${path.key} could not be written.`);
    return objectInfo(services, info);
  }),

  route(ObjectGetHeaders, async ({ path, services }) => {
    const stored = await services.objects.get(objectsPrefix(services.cluster) + path.key);
    if (stored === undefined) throw new RestHandlerException(404, `Object ${path.key} not found`);
    return new Response(new Uint8Array(stored.bytes), {
      headers: {
        "content-type": "application/octet-stream",
        etag: `"${stored.etag}"`,
        // Users' bytes are never a page of this origin.
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
      },
    });
  }),

  route(ObjectDeleteHeaders, async ({ path, services }) => {
    await services.objects.delete([objectsPrefix(services.cluster) + path.key]);
    return {};
  }),
];

function objectInfo(services: ClusterServices, info: ObjectInfo) {
  return {
    key: info.key.slice(objectsPrefix(services.cluster).length),
    size: info.size,
    etag: info.etag,
    uploaded: info.uploadedMillis,
  };
}
