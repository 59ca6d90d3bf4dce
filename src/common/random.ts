/** Where randomness comes from. Endpoint code uses the one of its context, never `Math.random`. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** The platform's generator; not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };
