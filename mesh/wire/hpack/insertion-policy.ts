import { entryBytes } from "./dynamic-table.ts";

const CANDIDATES = 32;
/** Blocks in which the table may be turned over once. */
const BLOCKS_PER_TURNOVER = 1024;

/**
 * Decides which fields enter the encoder's table. Each insertion makes every remembered block void, and one that evicts may throw
 * out what is used most, since the table is first in, first out. Thus:
 *
 * - While the table is less than half full, a field enters at once: most connections never need more.
 * - Then it enters when it comes for the second time among the last few that were turned away: a value that changes with each call
 *   (an id in a path) is not seen twice.
 * - When it would evict, it enters only as long as no more than one whole table was evicted in the last 1,024 encoded lists: with
 *   more fields in use than the table holds, those that are in stay in, and the others go as literals.
 * - A field larger than half of the table never enters.
 */
export class InsertionPolicy {
  #names: string[] = [];
  #values: string[] = [];
  #next = 0;
  #blocks = 0;
  #evictedBytes = 0;

  /** A list is encoded that was not remembered. */
  nextBlock(): void {
    this.#blocks += 1;
    if (this.#blocks < BLOCKS_PER_TURNOVER) return;
    this.#blocks = 0;
    this.#evictedBytes = 0;
  }

  /** True when a field shall enter a table that holds `tableBytes` of `tableBytesMax`. */
  admits(name: string, value: string, tableBytes: number, tableBytesMax: number): boolean {
    const bytes = entryBytes(name, value);
    if (bytes > tableBytesMax / 2) return false;
    const filled = tableBytes + bytes;
    if (filled <= tableBytesMax / 2) return true;
    if (filled > tableBytesMax && this.#evictedBytes >= tableBytesMax) return false;
    return this.#cameBefore(name, value);
  }

  /** An insertion evicted `bytes`. */
  evicted(bytes: number): void {
    this.#evictedBytes += bytes;
  }

  #cameBefore(name: string, value: string): boolean {
    const values = this.#values;
    for (let index = 0; index < values.length; index++) {
      if (values[index] === value && this.#names[index] === name) return true;
    }
    this.#names[this.#next] = name;
    values[this.#next] = value;
    this.#next = (this.#next + 1) % CANDIDATES;
    return false;
  }
}
