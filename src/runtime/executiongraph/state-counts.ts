import { codeOfState, type ExecutionState } from "../messages/execution-state.ts";

/** How many attempts are in each state. Kept by the states' codes, as every step of every attempt changes two of them. */
export class StateCounts implements Readonly<Record<ExecutionState, number>> {
  readonly #byCode: Uint32Array;

  constructor(byCode: Uint32Array) {
    this.#byCode = byCode;
  }

  get CREATED(): number {
    return this.#of("CREATED");
  }

  get SCHEDULED(): number {
    return this.#of("SCHEDULED");
  }

  get DEPLOYING(): number {
    return this.#of("DEPLOYING");
  }

  get INITIALIZING(): number {
    return this.#of("INITIALIZING");
  }

  get RUNNING(): number {
    return this.#of("RUNNING");
  }

  get FINISHED(): number {
    return this.#of("FINISHED");
  }

  get CANCELING(): number {
    return this.#of("CANCELING");
  }

  get CANCELED(): number {
    return this.#of("CANCELED");
  }

  get FAILED(): number {
    return this.#of("FAILED");
  }

  get RECONCILING(): number {
    return this.#of("RECONCILING");
  }

  #of(state: ExecutionState): number {
    return this.#byCode[codeOfState(state)] ?? 0;
  }
}
