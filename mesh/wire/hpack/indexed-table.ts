import { DynamicTable, entryBytes, INITIAL_TABLE_BYTES } from "./dynamic-table.ts";
import { STATIC_BY_NAME, STATIC_COUNT } from "./static-table.ts";

interface Name {
  /** The ordinal of the newest entry with this name. */
  newest: number;
  readonly ordinalOfValue: Map<string, number>;
}

/** The encoder's table: both tables, searched by name and value. */
export class IndexedTable {
  readonly #table = new DynamicTable(INITIAL_TABLE_BYTES);
  readonly #names = new Map<string, Name>();
  /** Entries that were ever inserted: the newest entry's ordinal. */
  #inserted = 0;

  get bytes(): number {
    return this.#table.bytes;
  }

  get bytesMax(): number {
    return this.#table.bytesMax;
  }

  /** See DynamicTable. */
  get generation(): number {
    return this.#table.generation;
  }

  /** The index of a field; 0 when neither table has it. */
  field(name: string, value: string): number {
    const index = STATIC_BY_NAME.get(name)?.indexOfValue.get(value);
    if (index !== undefined) return index;
    const ordinal = this.#names.get(name)?.ordinalOfValue.get(value);
    return ordinal === undefined ? 0 : this.#index(ordinal);
  }

  /** The index of an entry that has the name; 0 when there is none. */
  name(name: string): number {
    const known = STATIC_BY_NAME.get(name);
    if (known !== undefined) return known.index;
    const named = this.#names.get(name);
    return named === undefined ? 0 : this.#index(named.newest);
  }

  /** Inserts a field that no table has and that is smaller than the table. Returns the bytes that were evicted for it. */
  insert(name: string, value: string): number {
    const table = this.#table;
    const before = table.bytes;
    this.#makeRoom(entryBytes(name, value));
    const evicted = before - table.bytes;
    table.insert(name, value);
    this.#inserted += 1;
    const named = this.#names.get(name);
    if (named === undefined) {
      this.#names.set(name, { newest: this.#inserted, ordinalOfValue: new Map([[value, this.#inserted]]) });
    } else {
      named.newest = this.#inserted;
      named.ordinalOfValue.set(value, this.#inserted);
    }
    return evicted;
  }

  /** Changes the bound; the decoder must be told by a size update. */
  resize(bytesMax: number): void {
    this.#makeRoom(this.#table.bytesMax - bytesMax);
    this.#table.resize(bytesMax);
  }

  #makeRoom(bytes: number): void {
    const table = this.#table;
    while (table.count > 0 && table.bytes + bytes > table.bytesMax) {
      this.#forget(table.name(table.count - 1), table.value(table.count - 1));
      table.evict();
    }
  }

  /** The oldest entry goes: when its name has no value left, no entry has the name. */
  #forget(name: string, value: string): void {
    const named = this.#names.get(name);
    named?.ordinalOfValue.delete(value);
    if (named?.ordinalOfValue.size === 0) this.#names.delete(name);
  }

  #index(ordinal: number): number {
    return STATIC_COUNT + 1 + this.#inserted - ordinal;
  }
}
