/** What a measured value has to hold. */
export type Bar =
  /** The value is at least so many times the baseline. */
  | { readonly kind: "ratio"; readonly atLeast: number }
  /** The value is higher than the baseline. */
  | { readonly kind: "ahead" }
  /** The value is at most the baseline and so much more. */
  | { readonly kind: "difference"; readonly atMost: number }
  | { readonly kind: "value"; readonly atMost: number }
  | { readonly kind: "rate"; readonly atLeast: number }
  /** The value is at most so many times the baseline. */
  | { readonly kind: "ratio at most"; readonly atMost: number }
  /** Nothing is asked of it but that it was measured. */
  | { readonly kind: "reported" };

export type Unit =
  | "calls/s"
  | "ms"
  | "calls"
  | "MiB"
  | "s"
  | "µs"
  | "acks/s"
  | "writes"
  | "events"
  | "checkpoints"
  | "%";

/** What a row says before anything is measured. */
export interface RowHead {
  readonly name: string;
  readonly unit: Unit;
  readonly bar: Bar;
}

/** One row of the result. The first six fields are what `--json` promises. */
export interface Row {
  readonly name: string;
  readonly value: number | null;
  readonly baseline: number | null;
  /** Value by baseline; null if either is. */
  readonly ratio: number | null;
  readonly bar: string;
  readonly pass: boolean;
  readonly unit: Unit;
  readonly reason?: Reason;
}

/**
 * Why a number is missing: a peer is not installed, the product lacks what the row measures, or a side failed. Never
 * both present and needed: such a row does not pass.
 */
export type Reason = `${"skipped" | "missing" | "failed"}: ${string}`;

/** Judges a row; a number that is missing counts as not passed if the bar needs it, and `reason` says why it is. */
export function judge(
  head: RowHead,
  measured: { readonly value: number | undefined; readonly baseline: number | undefined },
  reason?: Reason,
): Row {
  const value = measured.value ?? null;
  const baseline = measured.baseline ?? null;
  const ratio = value === null || baseline === null ? null : value / baseline;
  return {
    name: head.name,
    value: value === null ? null : round(value),
    baseline: baseline === null ? null : round(baseline),
    ratio: ratio === null ? null : round(ratio),
    bar: describeBar(head.bar, head.unit),
    pass: passes(head.bar, { value, baseline, ratio }),
    unit: head.unit,
    ...(reason === undefined ? {} : { reason }),
  };
}

interface Numbers {
  readonly value: number | null;
  readonly baseline: number | null;
  readonly ratio: number | null;
}

function passes(bar: Bar, { value, baseline, ratio }: Numbers): boolean {
  switch (bar.kind) {
    case "ratio":
      return ratio !== null && ratio >= bar.atLeast;
    case "ahead":
      return ratio !== null && ratio > 1;
    case "difference":
      return value !== null && baseline !== null && value - baseline <= bar.atMost;
    case "value":
      return value !== null && value <= bar.atMost;
    case "rate":
      return value !== null && value >= bar.atLeast;
    case "ratio at most":
      return ratio !== null && ratio <= bar.atMost;
    case "reported":
      return value !== null;
  }
}

function describeBar(bar: Bar, unit: Unit): string {
  switch (bar.kind) {
    case "ratio":
      return `>= ${bar.atLeast} x`;
    case "ahead":
      return "> 1 x";
    case "difference":
      return `<= baseline + ${bar.atMost} ${unit}`;
    case "value":
      return `<= ${bar.atMost} ${unit}`;
    case "rate":
      return `>= ${bar.atLeast} ${unit}`;
    case "ratio at most":
      return `<= ${bar.atMost} x`;
    case "reported":
      return "reported";
  }
}

const SIGNIFICANT_DIGITS = 4;

function round(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}
