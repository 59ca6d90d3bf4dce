import { SluiceException } from "../../common/exceptions.ts";

/** A fault of the program itself, found before anything runs. `message` is one line that says what to change. */
export function invalidProgram(message: string, cause?: unknown): SluiceException {
  return new SluiceException("INVALID_PROGRAM", message, cause === undefined ? {} : { cause });
}
