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
    const records = recordsOf(await readBody(raw, PUSH_SIZE_LIMIT_BYTES));
    if (records.length === 0) return { records: 0, duplicate: false };
    const push: PushedRecords = {
      bytes: new TextEncoder().encode(records.map(({ json }) => json).join("\n")),
      records: records.length,
      ...(producer === undefined || sequence === undefined ? {} : { producer: { id: producer, sequence } }),
    };
    const outcome = await queryJob(path.jobid, (jobId) => services.dispatcher.pushRecords(jobId, path.source, push));
    if (outcome.kind === "refused") {
      throw new RestHandlerException(400, `line ${records[outcome.record]?.line}: ${outcome.reason}`);
    }
    return { records: records.length, duplicate: outcome.kind === "duplicate" };
  }),
];

interface SentRecord {
  /** Of the body, from 1. */
  readonly line: number;
  readonly json: string;
}

/** @throws RestHandlerException 400 naming the first line that is not JSON. */
function recordsOf(body: Uint8Array): readonly SentRecord[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body);
  } catch (cause) {
    throw new RestHandlerException(400, "The body is not UTF-8.", { cause });
  }
  const records: SentRecord[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "") continue;
    try {
      JSON.parse(trimmed);
    } catch (cause) {
      throw new RestHandlerException(400, `line ${index + 1}: expected a JSON value`, { cause });
    }
    records.push({ line: index + 1, json: trimmed });
  }
  return records;
}
