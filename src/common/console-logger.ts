import type { Logger } from "./log.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Prints lines of at least `level` to the console: the message, then its fields as JSON if there are any. */
export function consoleLogger(level: LogLevel = "warn"): Logger {
  const from = LEVELS.indexOf(level);
  const printer = (at: LogLevel) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (LEVELS.indexOf(at) < from) return;
    if (fields === undefined) console[at](message);
    else console[at](message, JSON.stringify(fields));
  };
  return { debug: printer("debug"), info: printer("info"), warn: printer("warn"), error: printer("error") };
}
