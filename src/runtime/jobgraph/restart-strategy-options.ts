import { SluiceException } from "../../common/exceptions.ts";
import type { RestartStrategyConfiguration } from "./job-configuration.ts";

const PREFIX = "restart-strategy.";
const TYPE_KEY = `${PREFIX}type`;

type StrategyKind = RestartStrategyConfiguration["kind"];

/** Flink's names of the strategies (contract FO-14). */
const KINDS: Readonly<Record<string, StrategyKind>> = {
  none: "none",
  off: "none",
  disable: "none",
  "fixed-delay": "fixed-delay",
  fixeddelay: "fixed-delay",
  "failure-rate": "failure-rate",
  failurerate: "failure-rate",
  "exponential-delay": "exponential-delay",
  exponentialdelay: "exponential-delay",
};

/** Flink's keys below each strategy's name, with Flink's defaults. */
const OPTIONS: Readonly<Record<StrategyKind, readonly string[]>> = {
  none: [],
  "fixed-delay": ["attempts", "delay"],
  "failure-rate": ["max-failures-per-interval", "failure-rate-interval", "delay"],
  "exponential-delay": [
    "initial-backoff",
    "max-backoff",
    "backoff-multiplier",
    "jitter-factor",
    "reset-backoff-threshold",
    "attempts-before-reset-backoff",
  ],
};
const UNLIMITED = 2 ** 31 - 1;

/** Whether {@link parseRestartStrategy} reads this key. */
export function isRestartStrategyKey(key: string): boolean {
  return key.startsWith(PREFIX);
}

/**
 * The restart strategy that Flink's configuration keys ask for, what they leave open filled in with Flink's defaults;
 * `undefined` if none of them is there.
 *
 * @throws SluiceException INVALID_ARGUMENT naming a key, and its value, that says nothing here: an unknown one, one of
 *   another strategy than `restart-strategy.type`, or one whose value is out of bounds.
 */
export function parseRestartStrategy(
  configuration: Readonly<Record<string, string>>,
): RestartStrategyConfiguration | undefined {
  const keys = Object.keys(configuration).filter(isRestartStrategyKey);
  if (keys.length === 0) return undefined;
  const kind = kindOf(configuration[TYPE_KEY], keys);
  const known = new Set([TYPE_KEY, ...OPTIONS[kind].map((option) => `${PREFIX}${kind}.${option}`)]);
  const unknown = keys.find((key) => !known.has(key));
  if (unknown !== undefined) {
    throw fault(unknown, `expected one of ${[...known].join(", ")}`, configuration[unknown]);
  }
  return read(kind, new Options(kind, configuration));
}

function kindOf(type: string | undefined, keys: readonly string[]): StrategyKind {
  const names = `expected one of ${Object.keys(KINDS).join(", ")}`;
  if (type === undefined) throw fault(TYPE_KEY, `${names}, since ${keys.join(", ")} is given`, undefined);
  const kind = Object.hasOwn(KINDS, type.toLowerCase()) ? KINDS[type.toLowerCase()] : undefined;
  if (kind === undefined) throw fault(TYPE_KEY, names, type);
  return kind;
}

function read(kind: StrategyKind, options: Options): RestartStrategyConfiguration {
  switch (kind) {
    case "none":
      return { kind };
    case "fixed-delay":
      return { kind, attempts: options.count("attempts", 1, 0), delayMillis: options.millis("delay", 1_000, 0) };
    case "failure-rate":
      return {
        kind,
        maxFailuresPerInterval: options.count("max-failures-per-interval", 1, 1),
        intervalMillis: options.millis("failure-rate-interval", 60_000, 1),
        delayMillis: options.millis("delay", 1_000, 0),
      };
    case "exponential-delay": {
      const initialBackoffMillis = options.millis("initial-backoff", 1_000, 1);
      return {
        kind,
        initialBackoffMillis,
        maxBackoffMillis: options.millis("max-backoff", Math.max(60_000, initialBackoffMillis), initialBackoffMillis),
        backoffMultiplier: options.decimal("backoff-multiplier", 1.5, { from: 1, to: Number.MAX_VALUE }),
        jitterFactor: options.decimal("jitter-factor", 0.1, { from: 0, to: 1 }),
        resetBackoffThresholdMillis: options.millis("reset-backoff-threshold", 3_600_000, 1),
        attemptsBeforeResetBackoff: options.count("attempts-before-reset-backoff", UNLIMITED, 1),
      };
    }
  }
}

/** Milliseconds of one unit, by the names Flink takes for it. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ...names(1, ["ms", "milli", "millis", "millisecond", "milliseconds"]),
  ...names(1_000, ["s", "sec", "secs", "second", "seconds"]),
  ...names(60_000, ["m", "min", "minute", "minutes"]),
  ...names(3_600_000, ["h", "hour", "hours"]),
  ...names(86_400_000, ["d", "day", "days"]),
};

function names(millis: number, labels: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(labels.map((label) => [label, millis]));
}

/** The options of one strategy as texts. */
class Options {
  readonly #prefix: string;
  readonly #configuration: Readonly<Record<string, string>>;

  constructor(kind: StrategyKind, configuration: Readonly<Record<string, string>>) {
    this.#prefix = `${PREFIX}${kind}.`;
    this.#configuration = configuration;
  }

  count(option: string, initial: number, least: number): number {
    return this.#read(option, initial, (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= UNLIMITED ? value : `an integer from ${least} to ${UNLIMITED}`;
    });
  }

  millis(option: string, initial: number, least: number): number {
    return this.#read(option, initial, (text) => {
      const [, amount = "", label = ""] = /^(\d+)\s*([a-z]*)$/.exec(text.toLowerCase()) ?? [];
      const value = Object.hasOwn(UNITS, label) ? Number(amount) * (UNITS[label] ?? Number.NaN) : Number.NaN;
      if (amount !== "" && Number.isSafeInteger(value) && value >= least) return value;
      return `a duration such as 500 ms, 1 s or 10 min, at least ${least} ms`;
    });
  }

  decimal(option: string, initial: number, { from, to }: { readonly from: number; readonly to: number }): number {
    return this.#read(option, initial, (text) => {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      if (value >= from && value <= to) return value;
      return to === Number.MAX_VALUE ? `a number of at least ${from}` : `a number from ${from} to ${to}`;
    });
  }

  /** @param parse the value, or what was expected in its place. */
  #read(option: string, initial: number, parse: (text: string) => number | string): number {
    const key = `${this.#prefix}${option}`;
    const text = this.#configuration[key];
    if (text === undefined) return initial;
    const value = parse(text.trim());
    if (typeof value === "string") throw fault(key, `expected ${value}`, text);
    return value;
  }
}

function fault(key: string, expected: string, value: string | undefined): SluiceException {
  const got = value === undefined ? "nothing" : `"${value}"`;
  return new SluiceException("INVALID_ARGUMENT", `${key}: ${expected}, got ${got}`);
}
