/**
 * Flink's identifiers, branded so that one kind is never taken for another.
 *
 * JobID, JobVertexID, OperatorID, ExecutionAttemptID and AllocationID are 16 bytes printed as 32 lowercase hex
 * digits (Flink `AbstractID`). ResourceID is any non-empty string; ours is the object name of the TaskExecutor.
 */
declare const brand: unique symbol;

/**
 * `T`, told apart at compile time by `Name`; at run time it is the bare value. A brand of a branded type has both names.
 */
export type Branded<T, Name extends string> = T & { readonly [brand]: { readonly [Of in Name]: true } };

export type JobID = Branded<string, "JobID">;
export type JobVertexID = Branded<string, "JobVertexID">;
export type OperatorID = Branded<string, "OperatorID">;
export type ExecutionAttemptID = Branded<string, "ExecutionAttemptID">;
export type AllocationID = Branded<string, "AllocationID">;
export type IntermediateDataSetID = Branded<string, "IntermediateDataSetID">;
export type ResourceID = Branded<string, "ResourceID">;
export type InstanceID = Branded<string, "InstanceID">;

const HEX_ID = /^[0-9a-fA-F]{32}$/;

/** Whether `text` is a 16 byte id as hex; upper case is accepted on input. */
export function isHexId(text: string): boolean {
  return HEX_ID.test(text);
}

/** Parses a hex id and lowers its case; `undefined` if it is none. The caller names the field in its error. */
export function parseHexId<Id extends Branded<string, string>>(text: string): Id | undefined {
  return isHexId(text) ? brandId<Id>(text.toLowerCase()) : undefined;
}

/** Brands a value that is known to be a valid id (read from our own storage, or made by {@link IdSource}). */
export function brandId<Id extends Branded<string, string>>(text: string): Id {
  return text as Id;
}

/** The first digits of an id, for messages meant for people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Where fresh ids come from. Endpoint code uses the one of its context, never a global. */
export interface IdSource {
  /** A fresh 16 byte id as 32 lowercase hex digits. */
  hex(): string;
}

/** The platform's source: random version 4 UUIDs without their dashes. */
export const systemIds: IdSource = { hex: () => crypto.randomUUID().replaceAll("-", "") };
