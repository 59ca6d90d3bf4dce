/** An argument of six fields, as the control plane sends them. */
export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly quantity: number;
  readonly price: number;
  readonly express: boolean;
  readonly note: string;
}

/** The answer to an {@link Order}. */
export interface Quote {
  readonly id: string;
  readonly total: number;
  readonly accepted: boolean;
}

/** What every system under test offers, through whatever its callers hold: a stub, a proxy, a gateway. */
export interface BenchTarget {
  /** Adds and answers with the new sum; the sum shows that calls arrived once and in order. */
  increment(by: number): Promise<number>;
  quote(order: Order): Promise<Quote>;
  /** One way. */
  note(by: number): void;
  /** The sum of all notes. */
  noted(): Promise<number>;
  /** Answers after `millis`. */
  pause(millis: number): Promise<number>;
}

/** A target that keeps something durably. */
export interface DurableBenchTarget extends BenchTarget {
  /** {@link increment} by one SQL upsert. */
  record(by: number): Promise<number>;
}
