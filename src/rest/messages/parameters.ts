import * as z from "zod";
import { parseHexId } from "../../common/ids.ts";
import type { Branded, JobID, JobVertexID } from "../../common/ids.ts";

/** Upper bound of a job's parallelism; equals the control plane's (a test compares them). */
export const PARALLELISM_LIMIT = 128;

const HEX_ID_EXPECTED = "expected 32 hexadecimal digits";

function hexId<Id extends Branded<string, string>>() {
  return z.string(HEX_ID_EXPECTED).transform((text, context): Id => {
    const id = parseHexId<Id>(text);
    if (id !== undefined) return id;
    context.addIssue({ code: "custom", message: HEX_ID_EXPECTED });
    return z.NEVER;
  });
}

/** Upper case is accepted on input and printed in lower case. */
export const JobIdParameter = hexId<JobID>();
export const JobVertexIdParameter = hexId<JobVertexID>();
/** Names an asynchronous operation; the caller may choose it. */
export const TriggerIdParameter = hexId<Branded<string, "TriggerId">>();

function integerText(minimum: number, maximum: number) {
  const expected = expectedInteger(minimum, maximum);
  return z
    .string(expected)
    .regex(/^-?\d{1,16}$/, expected)
    .transform(Number)
    .pipe(z.int(expected).min(minimum, expected).max(maximum, expected));
}

function expectedInteger(minimum: number, maximum: number): string {
  return maximum === Number.MAX_SAFE_INTEGER
    ? `expected an integer of at least ${minimum}`
    : `expected an integer from ${minimum} to ${maximum}`;
}

/** A query parameter that need not be there; empty counts as absent. */
function optionalText<Schema extends z.ZodType<unknown, string | undefined>>(schema: Schema) {
  return z
    .string()
    .optional()
    .transform((text) => (text === "" ? undefined : text))
    .pipe(schema);
}

export const CheckpointIdParameter = integerText(0, Number.MAX_SAFE_INTEGER);
export const SubtaskIndexParameter = integerText(0, Number.MAX_SAFE_INTEGER);
export const MaxExceptionsParameter = optionalText(integerText(0, Number.MAX_SAFE_INTEGER).optional());
export const ParallelismParameter = optionalText(integerText(1, PARALLELISM_LIMIT).optional());
export const SequenceParameter = optionalText(integerText(0, Number.MAX_SAFE_INTEGER).optional());
export const BooleanParameter = optionalText(
  z
    .string()
    .regex(/^(true|false)$/i, "expected true or false")
    .transform((text) => text.toLowerCase() === "true")
    .optional(),
);
export const TextParameter = optionalText(z.string().optional());
export const FreeTextParameter = z.string().min(1, "expected a non-empty text");

/**
 * A field of a body that a browser's form may have sent: `null` and the empty text count as absent.
 *
 * @param expected what a message says was expected, such as `expected a text`.
 */
function formField<Schema extends z.ZodType>(schema: Schema, expected: string) {
  return z
    .union([z.null(), z.literal(""), schema], expected)
    .optional()
    .transform((value): z.output<Schema> | undefined => (value === null || value === "" ? undefined : value));
}

export const TextField = formField(z.string(), "expected a text");
export const TextListField = formField(z.array(z.string()), "expected a list of texts");
export const TextMapField = formField(z.record(z.string(), z.string()), "expected an object with texts as values");
export const JobIdField = formField(JobIdParameter, HEX_ID_EXPECTED);
export const TriggerIdField = formField(TriggerIdParameter, HEX_ID_EXPECTED);
export const BooleanField = formField(
  z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]),
  "expected true or false",
);

export function integerField(minimum: number, maximum: number) {
  const expected = expectedInteger(minimum, maximum);
  return formField(
    z.union([z.int(expected).min(minimum, expected).max(maximum, expected), integerText(minimum, maximum)], expected),
    expected,
  );
}

export function enumField<const Values extends readonly [string, ...string[]]>(values: Values) {
  return formField(z.enum(values), `expected one of ${values.join(", ")}`);
}
