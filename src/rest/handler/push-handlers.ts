import type { PushedRecords } from "../../runtime/messages/pushed-records.ts";
import { PUSH_SIZE_LIMIT_BYTES, PushRecordsHeaders } from "../messages/sluice-messages.ts";
import { readBody } from "../request-body.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";
import { queryJob } from "./job-lookup.ts";
import { route } from "./rest-handler.ts";
import type { RestRoute } from "./rest-handler.ts";

/** Records for sources of running jobs. */
export const PUSH_ROUTES: readonly RestRoute[] = [
  route(PushRecordsHeaders, async ({ path, query, raw, services }) => {
    const { producer, sequence } = query;
    if ((producer === undefined) !== (sequence === undefined)) {
      const given = producer === undefined ? "sequence" : "producer";
      throw new RestHandlerException(400, `producer, sequence: expected both or neither, got ${given} alone`);
    }
    const lines = linesOf(await readBody(raw, PUSH_SIZE_LIMIT_BYTES));
    if (lines.length === 0) return { records: 0, duplicate: false };
    const push: PushedRecords = {
      bytes: new TextEncoder().encode(lines.join("\n")),
      records: lines.length,
      ...(producer === undefined || sequence === undefined ? {} : { producer: { id: producer, sequence } }),
    };
    const { kind } = await queryJob(path.jobid, (jobId) => services.dispatcher.pushRecords(jobId, path.source, push));
    return { records: lines.length, duplicate: kind === "duplicate" };
  }),
];

/** @throws RestHandlerException 400 naming the first line that is not JSON. */
function linesOf(body: Uint8Array): readonly string[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body);
  } catch (cause) {
    throw new RestHandlerException(400, "The body is not UTF-8.", { cause });
  }
  const lines: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "") continue;
    try {
      JSON.parse(trimmed);
    } catch (cause) {
      throw new RestHandlerException(400, `line ${index + 1}: expected a JSON value`, { cause });
    }
    lines.push(trimmed);
  }
  return lines;
}
