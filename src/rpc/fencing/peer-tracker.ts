import { compareIdentity } from "./epoch.ts";
import type { SenderIdentity } from "./epoch.ts";

/** The highest (epoch, incarnation) seen of each peer, in memory: what a superseded instance sends is refused. */
export class PeerTracker {
  readonly #highest = new Map<string, SenderIdentity>();

  /** @returns false if a higher pair of the same address was seen before. Remembers the pair otherwise. */
  accept(identity: SenderIdentity): boolean {
    return this.acceptFrom(identity.address, identity);
  }

  /** {@link accept} of what `address` says of itself. */
  acceptFrom(address: string, pair: Pick<SenderIdentity, "epoch" | "incarnation">): boolean {
    const known = this.#highest.get(address);
    const order = known === undefined ? 1 : compareIdentity(pair, known);
    if (order > 0) this.#highest.set(address, { address, epoch: pair.epoch, incarnation: pair.incarnation });
    return order >= 0;
  }
}
