/** What a run did that it must not do. */
export class Violations {
  readonly #found: string[] = [];

  get found(): readonly string[] {
    return this.#found;
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** @param what the invariant, and what was seen instead. */
  report(what: string): void {
    if (!this.#found.includes(what)) this.#found.push(what);
  }

  require(holds: boolean, what: string): void {
    if (!holds) this.report(what);
  }
}
