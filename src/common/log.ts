/** One line of log with structured fields. Fields are plain JSON values. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const discard = (): void => undefined;

/** Discards everything. */
export const silentLogger: Logger = { debug: discard, info: discard, warn: discard, error: discard };
