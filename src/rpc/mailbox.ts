/** What the mailbox needs to know of an item. */
export interface MailboxItem {
  /** A message from outside counts against the bounds; the endpoint's own work does not. */
  readonly origin: "message" | "internal";
  /** Control messages bypass the bounds, never the order. */
  readonly control: boolean;
  readonly bytes: number;
}

export interface MailboxBounds {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export const DEFAULT_MAILBOX_BOUNDS: MailboxBounds = { maxMessages: 4_096, maxBytes: 16 * 1_024 * 1_024 };

/** Below this many consumed slots the queue is not compacted. */
const COMPACT_AFTER = 1_024;

/** First in, first out; bounded in messages and bytes. Holds no logic of turns. */
export class Mailbox<Item extends MailboxItem> {
  readonly #bounds: MailboxBounds;
  #items: (Item | undefined)[] = [];
  #head = 0;
  #messages = 0;
  #bytes = 0;

  constructor(bounds: MailboxBounds = DEFAULT_MAILBOX_BOUNDS) {
    this.#bounds = bounds;
  }

  /** Messages from outside that wait. */
  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false if the item does not fit; it was not taken then. An empty mailbox takes a message of any size. */
  offer(item: Item): boolean {
    if (item.origin === "message") {
      if (!item.control && !this.#fits(item)) return false;
      this.#messages += 1;
      this.#bytes += item.bytes;
    }
    this.#items.push(item);
    return true;
  }

  /** Removes and returns the first item that is `eligible`; those before it keep their places. */
  take(eligible: (item: Item) => boolean): Item | undefined {
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index];
      if (item === undefined || !eligible(item)) continue;
      this.#remove(index);
      if (item.origin === "message") {
        this.#messages -= 1;
        this.#bytes -= item.bytes;
      }
      return item;
    }
    return undefined;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** The first item that `matches`; it keeps its place. */
  find(matches: (item: Item) => boolean): Item | undefined {
    return this.#items.find((item) => item !== undefined && matches(item));
  }

  /** Empties the mailbox and returns what was in it, in order. */
  drain(): readonly Item[] {
    const items = this.#items.filter((item) => item !== undefined);
    this.#items = [];
    this.#head = 0;
    this.#messages = 0;
    this.#bytes = 0;
    return items;
  }

  #fits(item: Item): boolean {
    if (this.#messages === 0) return true;
    return this.#messages < this.#bounds.maxMessages && this.#bytes + item.bytes <= this.#bounds.maxBytes;
  }

  #remove(index: number): void {
    if (index !== this.#head) {
      this.#items.splice(index, 1);
      return;
    }
    this.#items[index] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_AFTER && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
