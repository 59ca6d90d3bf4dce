import * as z from "zod";

/** The one error form: exactly this key and no other, which is how Flink's clients tell an error from an answer. */
export const ErrorResponseBody = z.strictObject({ errors: z.array(z.string()) });
export type ErrorResponseBody = z.output<typeof ErrorResponseBody>;
