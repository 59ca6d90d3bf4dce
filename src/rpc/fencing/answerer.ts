import type { Epoch, Incarnation } from "./epoch.ts";

/** Who answers. */
export interface Answerer {
  /** If it is not who was asked: a border on the way may refuse. */
  readonly address?: string;
  readonly epoch: Epoch;
  readonly incarnation: Incarnation;
}
