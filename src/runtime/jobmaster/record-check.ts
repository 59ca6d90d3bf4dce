import { eventTimeOf } from "../../common/types/event-time-field.ts";
import { typeFromSnapshot } from "../../common/types/row-type.ts";
import type { Inlet } from "../jobgraph/job-graph.ts";
import type { PushedRecords, RefusedRecord } from "../messages/pushed-records.ts";

/** Finds the first record that the source could not read: once stored it would fail its task again and again. */
export class RecordCheck {
  readonly #type: ReturnType<typeof typeFromSnapshot>;
  readonly #timestampField: string | undefined;

  constructor({ type, timestampField }: Inlet) {
    this.#type = typeFromSnapshot(type);
    this.#timestampField = timestampField;
  }

  refusalOf({ bytes }: PushedRecords): RefusedRecord | undefined {
    for (const [record, line] of new TextDecoder().decode(bytes).split("\n").entries()) {
      try {
        const json: unknown = JSON.parse(line);
        this.#type.parse(json);
        eventTimeOf(json, this.#timestampField);
      } catch (problem) {
        return { kind: "refused", record, reason: problem instanceof Error ? problem.message : String(problem) };
      }
    }
    return undefined;
  }
}
