import type { SqlDatabase } from "../ports/storage.ts";

/** Bounds of what is kept; the oldest turns go first. */
export interface MessageLogOptions {
  /** Turns. */
  readonly capacity: number;
  /** Characters of stored text, about bytes. Default 4 Mi. */
  readonly maxCharacters?: number;
}

/** A message log as it is stored. */
export interface StoredMessageLog {
  readonly address: string;
  /** States that replay can begin with, each before the turn that follows `after`. */
  readonly bases: readonly { readonly after: number; readonly content: string }[];
  /** Texts of entries, each a JSON array, from the entry `first` on. */
  readonly rows: readonly { readonly first: number; readonly entries: string }[];
}

/** Largest log, which travels in one message. */
const MAX_CHARACTERS = 8 * 1_024 * 1_024;
const DEFAULT_MAX_CHARACTERS = 4 * 1_024 * 1_024;
/** The ring drops this part of itself at once, and a row or a base is no larger. */
const PART = 8;
/** Activations that follow on nothing may need one each. */
const MAX_BASES = 4;
/** Of a row, in characters: the platform's limit is two million bytes. */
const MAX_TEXT = 1_000_000;

const TABLES = [
  `CREATE TABLE IF NOT EXISTS sluice_message_log (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, incarnation INTEGER NOT NULL, characters INTEGER NOT NULL,
    entries TEXT NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS sluice_message_bases (after INTEGER PRIMARY KEY, content TEXT NOT NULL)",
] as const;

/** The stored half of a message log: a ring of rows, each of some entries, and the bases that its entries follow on. */
export class MessageRing {
  readonly capacity: number;
  readonly maxCharacters: number;
  readonly #database: SqlDatabase;
  #first = 1;
  #last = 0;
  #characters = 0;

  /** @throws RangeError for bounds that bound nothing. */
  constructor(database: SqlDatabase, { capacity, maxCharacters = DEFAULT_MAX_CHARACTERS }: MessageLogOptions) {
    requireBound("capacity", capacity, Number.MAX_SAFE_INTEGER);
    requireBound("maxCharacters", maxCharacters, MAX_CHARACTERS);
    this.capacity = capacity;
    this.maxCharacters = maxCharacters;
    this.#database = database;
    for (const table of TABLES) database.exec(table);
    this.reload();
  }

  /** Number of the last entry; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Entries of a row at most. */
  get maxEntries(): number {
    return Math.ceil(this.capacity / PART);
  }

  /** Longest text of an entry or a base. */
  get maxText(): number {
    return Math.min(MAX_TEXT, Math.ceil(this.maxCharacters / PART));
  }

  /** Number of the entry that the newest base follows on. */
  get lastBase(): number | undefined {
    const after = this.#one("SELECT max(after) AS found FROM sluice_message_bases");
    return after === null ? undefined : Number(after);
  }

  /** The activation that wrote the last entry. */
  get lastIncarnation(): number | undefined {
    const found = this.#one("SELECT incarnation AS found FROM sluice_message_log ORDER BY first DESC LIMIT 1");
    return found === null ? undefined : Number(found);
  }

  /** Reads again what it knows of its rows: a transaction that wrote some was undone. */
  reload(): void {
    const row = this.#database.exec(
      "SELECT min(first) AS first, max(last) AS last, sum(characters) AS characters FROM sluice_message_log",
    )[0];
    this.#last = Number(row?.["last"] ?? this.lastBase ?? 0);
    this.#first = Number(row?.["first"] ?? this.#last + 1);
    this.#characters = Number(row?.["characters"] ?? 0);
  }

  /**
   * Appends entries, none longer than {@link maxText}, and drops the oldest beyond the bounds. Those that cannot be written
   * keep their numbers.
   */
  append(entries: readonly string[], incarnation: number): void {
    const last = this.#last + entries.length;
    try {
      for (const row of this.#rowsOf(entries)) this.#insert(row, incarnation);
    } finally {
      this.#last = last;
    }
    if (last - this.#first >= this.capacity || this.#characters > this.maxCharacters) this.#trim();
  }

  /** The state after the last entry, as it is described by `content`. */
  addBase(content: string): void {
    this.#database.exec(
      "INSERT OR REPLACE INTO sluice_message_bases (after, content) VALUES (?, ?)",
      this.#last,
      content,
    );
    this.#dropBases();
  }

  read(): Pick<StoredMessageLog, "bases" | "rows"> {
    return storedRows(this.#database);
  }

  #rowsOf(entries: readonly string[]): readonly (readonly string[])[] {
    const { maxEntries, maxText } = this;
    let row: string[] = [];
    let characters = 0;
    const rows = [row];
    for (const entry of entries) {
      if (row.length === maxEntries || (row.length > 0 && characters + entry.length > maxText)) {
        rows.push((row = []));
        characters = 0;
      }
      row.push(entry);
      characters += entry.length;
    }
    return rows;
  }

  #insert(entries: readonly string[], incarnation: number): void {
    const text = `[${entries.join(",")}]`;
    const first = this.#last + 1;
    this.#last += entries.length;
    this.#characters += text.length;
    this.#database.exec(
      "INSERT INTO sluice_message_log VALUES (?, ?, ?, ?, ?)",
      first,
      this.#last,
      incarnation,
      text.length,
      text,
    );
  }

  /** Drops the oldest rows until there is room for a while. */
  #trim(): void {
    const rows = this.#database.exec("SELECT last, characters FROM sluice_message_log ORDER BY first");
    const keep = 1 - 1 / PART;
    for (const row of rows) {
      const fits = this.#last - this.#first < this.capacity * keep && this.#characters <= this.maxCharacters * keep;
      if (fits) break;
      this.#first = Number(row["last"]) + 1;
      this.#characters -= Number(row["characters"]);
    }
    this.#database.exec("DELETE FROM sluice_message_log WHERE first < ?", this.#first);
    this.#dropBases();
  }

  /** A base is of use while the entry that follows it is there. */
  #dropBases(): void {
    this.#database.exec(
      "DELETE FROM sluice_message_bases WHERE after < ? OR after NOT IN (SELECT after FROM sluice_message_bases ORDER BY after DESC LIMIT ?)",
      this.#first - 1,
      MAX_BASES,
    );
  }

  #one(sql: string): unknown {
    return this.#database.exec(sql)[0]?.["found"] ?? null;
  }
}

/** What is stored of a message log in `database`. */
export function storedRows(database: SqlDatabase): Pick<StoredMessageLog, "bases" | "rows"> {
  const bases = database.exec("SELECT after, content FROM sluice_message_bases ORDER BY after");
  const rows = database.exec("SELECT first, entries FROM sluice_message_log ORDER BY first");
  return {
    bases: bases.map((row) => ({ after: Number(row["after"]), content: String(row["content"]) })),
    rows: rows.map((row) => ({ first: Number(row["first"]), entries: String(row["entries"]) })),
  };
}

function requireBound(name: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(`messageLog.${name}: expected an integer from 1 to ${most}, got ${value}`);
}
