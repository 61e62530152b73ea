/** What an entry costs beyond its name and value (RFC 7541, 4.1). */
export const ENTRY_OVERHEAD = 32;

/**
 * The table that both ends start with, whatever SETTINGS will say: a peer may send blocks before it has read ours, and tells by a
 * size update when it follows them (RFC 7541, 4.2; RFC 9113, 6.5.2).
 */
export const INITIAL_TABLE_BYTES = 4096;

/** The size of a field in the table, and in a list (RFC 7541, 4.1; RFC 9113, 6.5.2). */
export const entryBytes = (name: string, value: string): number => name.length + value.length + ENTRY_OVERHEAD;

/**
 * A dynamic table (RFC 7541, 2.3.2): first in, first out, bounded in bytes. A ring of a power of two places that grows with use,
 * since most connections keep a dozen entries of the 128 that 4 KiB would allow.
 */
export class DynamicTable {
  #names: string[] = [];
  #values: string[] = [];
  /** Places - 1. */
  #mask = -1;
  /** The place of the newest entry. */
  #newest = -1;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  #generation = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Another number after every insertion, eviction and change of size: what was concluded from the table holds while this stays. */
  get generation(): number {
    return this.#generation;
  }

  /** The name of an entry by its age, 0 being the newest; `age` must be below `count`. */
  name(age: number): string {
    return this.#names[(this.#newest - age) & this.#mask] as string;
  }

  /** The value, likewise. */
  value(age: number): string {
    return this.#values[(this.#newest - age) & this.#mask] as string;
  }

  /** Evicts until `bytes` more have room, or nothing is left (RFC 7541, 4.4). */
  makeRoom(bytes: number): void {
    while (this.#count > 0 && this.#bytes + bytes > this.#bytesMax) this.evict();
  }

  /** Inserts a field; one that is larger than the table empties it, which is not an error (RFC 7541, 4.4). */
  insert(name: string, value: string): void {
    const bytes = entryBytes(name, value);
    this.makeRoom(bytes);
    this.#generation += 1;
    if (bytes > this.#bytesMax) return;
    if (this.#count > this.#mask) this.#grow();
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** Removes the oldest entry; there must be one. */
  evict(): void {
    const place = (this.#newest - this.#count + 1) & this.#mask;
    this.#bytes -= entryBytes(this.#names[place] as string, this.#values[place] as string);
    this.#names[place] = "";
    this.#values[place] = "";
    this.#count -= 1;
    this.#generation += 1;
  }

  /** Changes the bound and evicts what no longer has room (RFC 7541, 4.3). */
  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#generation += 1;
    this.makeRoom(0);
  }

  #grow(): void {
    const places = Math.max(8, this.#names.length * 2);
    const names: string[] = new Array(places).fill("");
    const values: string[] = new Array(places).fill("");
    for (let place = 0; place < this.#count; place++) {
      names[place] = this.name(this.#count - 1 - place);
      values[place] = this.value(this.#count - 1 - place);
    }
    this.#names = names;
    this.#values = values;
    this.#mask = places - 1;
    this.#newest = this.#count - 1;
  }
}
