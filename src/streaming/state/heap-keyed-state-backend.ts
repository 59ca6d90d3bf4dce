import { SluiceException } from "../../common/exceptions.ts";
import { typeFromSnapshot } from "../../common/types/row-type.ts";
import type { DataInput } from "../../common/types/data-io.ts";
import { DataInputView } from "../../common/types/data-input-view.ts";
import { DataOutputBuffer } from "../../common/types/data-output-buffer.ts";
import { readerOf } from "../../common/types/serializer-compatibility.ts";
import type { SerializerSnapshot, TypeInformation } from "../../common/types/type-information.ts";
import { keyGroupOf } from "./key-group-assignment.ts";
import type { KeyGroupRange } from "./key-group-assignment.ts";
import { KEY_HASH, keyHashOf, keyIdentityOf } from "./key-type.ts";
import type { KeyHash, KeyIdentity } from "./key-type.ts";
import type { KeyedSnapshot } from "./operator-snapshot.ts";

/** A named value per key. The value's type is its serializer in checkpoints. */
export interface StateDescriptor<Value> {
  readonly name: string;
  readonly type: TypeInformation<Value>;
}

/** One value per key. Values are the caller's own objects: what it changes in place is changed here. */
export interface KeyedValueState<Value> {
  get(key: unknown): Value | undefined;
  /** @throws ILLEGAL_STATE if the key belongs to another subtask. */
  put(key: unknown, value: Value): void;
  delete(key: unknown): void;
  /** All keys of this subtask, by key group, then in order of their first `put`. */
  entries(): IterableIterator<[key: unknown, value: Value]>;
}

export interface KeyedStateBackendOptions {
  /** Names the operator in messages. */
  readonly operatorName: string;
  readonly keyType: TypeInformation<unknown>;
  readonly maxParallelism: number;
  /** The groups of this subtask. */
  readonly keyGroups: KeyGroupRange;
}

type Entry = readonly [key: unknown, value: unknown];
type Table = Map<unknown, Entry>;

interface RegisteredState {
  readonly descriptor: StateDescriptor<unknown>;
  /** Index: key group minus the range's start. */
  readonly tables: (Table | undefined)[];
}

/**
 * Keyed state in memory (Flink `HeapKeyedStateBackend`): a table per state and key group, so that a snapshot is cut by
 * groups and a rescaled job reads just its own. One owner, synchronous.
 *
 * Order of use: {@link register} every state, {@link restore}, then work.
 */
export class HeapKeyedStateBackend {
  readonly #options: KeyedStateBackendOptions;
  readonly #hash: KeyHash;
  readonly #identity: KeyIdentity;
  readonly #states = new Map<string, RegisteredState>();

  constructor(options: KeyedStateBackendOptions) {
    this.#options = options;
    this.#hash = keyHashOf(options.keyType);
    this.#identity = keyIdentityOf(options.keyType);
  }

  /** @throws ILLEGAL_STATE if the name is taken. */
  register<Value>(descriptor: StateDescriptor<Value>): KeyedValueState<Value> {
    if (this.#states.has(descriptor.name)) {
      throw new SluiceException(
        "ILLEGAL_STATE",
        `${this.#options.operatorName}: state ${descriptor.name} is registered twice`,
      );
    }
    const state: RegisteredState = { descriptor, tables: [] };
    this.#states.set(descriptor.name, state);
    return {
      // Tables hold only what `put` and `restore` gave them under this descriptor's type.
      get: (key) => this.#tableOf(state, key)?.get(this.#identity(key))?.[1] as Value | undefined,
      put: (key, value) => {
        this.#ownTableOf(state, key).set(this.#identity(key), [key, value]);
      },
      delete: (key) => {
        this.#tableOf(state, key)?.delete(this.#identity(key));
      },
      entries: () => entriesOf(state.tables) as IterableIterator<[unknown, Value]>,
    };
  }

  /** Everything as of now, key groups in rising order; `undefined` if all is empty. */
  snapshot(): KeyedSnapshot | undefined {
    const states = [...this.#states.values()];
    const { keyType, keyGroups, maxParallelism } = this.#options;
    const groups: { keyGroup: number; bytes: Uint8Array }[] = [];
    const output = new DataOutputBuffer();
    for (let keyGroup = keyGroups.start; keyGroup <= keyGroups.end; keyGroup++) {
      const tables = states.map((state) => state.tables[keyGroup - keyGroups.start]);
      if (tables.every((table) => table === undefined || table.size === 0)) continue;
      output.clear();
      for (const [index, { descriptor }] of states.entries()) {
        const table = tables[index];
        output.writeVarint(table?.size ?? 0);
        for (const [key, value] of table?.values() ?? []) {
          keyType.serialize(key, output);
          descriptor.type.serialize(value, output);
        }
      }
      groups.push({ keyGroup, bytes: output.toUint8Array() });
    }
    if (groups.length === 0) return undefined;
    return {
      keySerializer: keyType.snapshot(),
      keyHash: KEY_HASH,
      maxParallelism,
      states: states.map(({ descriptor }) => ({ name: descriptor.name, serializer: descriptor.type.snapshot() })),
      groups,
    };
  }

  /**
   * Takes over the groups of this subtask's range; others are skipped, so every subtask may be given all snapshots.
   *
   * @throws STATE_MIGRATION naming the state if a type changed in a way that its data cannot follow, or if the number of
   *   key groups or the key's type changed.
   */
  restore(snapshots: readonly KeyedSnapshot[]): void {
    for (const snapshot of snapshots) this.#restoreOne(snapshot);
  }

  #restoreOne(snapshot: KeyedSnapshot): void {
    this.#requireSameKeys(snapshot);
    const { keyType, keyGroups } = this.#options;
    const readers = snapshot.states.map(({ name, serializer }) => this.#readerFor(name, serializer));
    for (const { keyGroup, bytes } of snapshot.groups) {
      if (keyGroup < keyGroups.start || keyGroup > keyGroups.end) continue;
      const input = new DataInputView(bytes);
      for (const { read, state } of readers) {
        const count = input.readVarint();
        const table: Table = new Map();
        for (let index = 0; index < count; index++) {
          const key = keyType.deserialize(input);
          table.set(this.#identity(key), [key, read(input)]);
        }
        if (state !== undefined && count > 0) state.tables[keyGroup - keyGroups.start] = table;
      }
    }
  }

  #requireSameKeys(snapshot: KeyedSnapshot): void {
    const { keyType, maxParallelism } = this.#options;
    if (snapshot.keyHash !== KEY_HASH)
      throw this.#migrationFault(`its keys were hashed by ${String(snapshot.keyHash)}`);
    if (snapshot.maxParallelism !== maxParallelism) {
      throw this.#migrationFault(`maxParallelism was ${snapshot.maxParallelism} and cannot become ${maxParallelism}`);
    }
    const compatibility = keyType.resolveCompatibility(snapshot.keySerializer);
    // Another form of a key could hash to another group.
    if (compatibility.kind !== "as-is") {
      throw this.#migrationFault(
        `the type of its keys changed from ${typeName(snapshot.keySerializer)} to ${keyType.description}`,
      );
    }
  }

  /** A state that the operator no longer has is read over. */
  #readerFor(
    name: string,
    written: SerializerSnapshot,
  ): { state: RegisteredState | undefined; read: (input: DataInput) => unknown } {
    const state = this.#states.get(name);
    if (state === undefined) {
      const type = typeFromSnapshot(written);
      return { state, read: (input) => type.deserialize(input) };
    }
    const { type } = state.descriptor;
    const compatibility = type.resolveCompatibility(written);
    const read = readerOf(type, compatibility);
    if (compatibility.kind === "incompatible" || read === undefined) {
      const reason = compatibility.kind === "incompatible" ? compatibility.reason : "";
      throw this.#migrationFault(`state ${name} cannot be read: ${reason}`);
    }
    return { state, read };
  }

  #migrationFault(problem: string): SluiceException {
    return new SluiceException(
      "STATE_MIGRATION",
      `${this.#options.operatorName}: the snapshot does not fit: ${problem}`,
    );
  }

  #tableOf(state: RegisteredState, key: unknown): Table | undefined {
    return state.tables[this.#keyGroupOf(key) - this.#options.keyGroups.start];
  }

  #ownTableOf(state: RegisteredState, key: unknown): Table {
    const { keyGroups, operatorName } = this.#options;
    const keyGroup = this.#keyGroupOf(key);
    if (keyGroup < keyGroups.start || keyGroup > keyGroups.end) {
      throw new SluiceException(
        "ILLEGAL_STATE",
        `${operatorName}: a record of key group ${keyGroup} reached the subtask of groups ${keyGroups.start} to ${keyGroups.end}`,
      );
    }
    return (state.tables[keyGroup - keyGroups.start] ??= new Map());
  }

  #keyGroupOf(key: unknown): number {
    return keyGroupOf(this.#hash(key), this.#options.maxParallelism);
  }
}

function* entriesOf(tables: readonly (Table | undefined)[]): IterableIterator<[unknown, unknown]> {
  for (const table of tables) {
    for (const [key, value] of table?.values() ?? []) yield [key, value];
  }
}

function typeName(written: SerializerSnapshot): string {
  return written.id === "undeclared-key" ? "string|boolean" : typeFromSnapshot(written).description;
}
