import type { z } from "zod";
import type { SerializedThrowable } from "../../runtime/messages/serialized-throwable.ts";
import type { FailureCause } from "../messages/savepoint-messages.ts";
import { serializedThrowable } from "./java-serialized-throwable.ts";

/** Contract: rest-v1 4.5. */
export function failureCause(failure: SerializedThrowable): z.output<typeof FailureCause> {
  return {
    class: failure.name,
    "stack-trace": failure.stack,
    "serialized-throwable": serializedThrowable(failure),
  };
}
