import { compareIdentity } from "./epoch.ts";
import type { SenderIdentity } from "./epoch.ts";

/** The highest (epoch, incarnation) seen of each peer, in memory: what a superseded instance sends is refused. */
export class PeerTracker {
  readonly #highest = new Map<string, SenderIdentity>();

  /** @returns false if a higher pair of the same address was seen before. Remembers the pair otherwise. */
  accept(identity: SenderIdentity): boolean {
    const known = this.#highest.get(identity.address);
    const order = known === undefined ? 1 : compareIdentity(identity, known);
    if (order > 0) {
      const { address, epoch, incarnation } = identity;
      this.#highest.set(address, { address, epoch, incarnation });
    }
    return order >= 0;
  }
}
