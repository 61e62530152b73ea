import type { HeaderList } from "../header-list.ts";
import { ENTRY_OVERHEAD } from "./dynamic-table.ts";

const SLOTS = 64;
const WAYS = 4;
const BLOCK_BYTES_MAX = 512;
/** Of blocks and lists together: what a connection may be made to keep. */
const KEPT_BYTES_MAX = 64 * 1024;
const SAMPLES = 16;
/** Bits that tell whether a block came before, and how many may be set. */
const SEEN_BITS = 2048;
const SEEN_MAX = 256;

interface Slot {
  hash: number;
  block: Uint8Array;
  list: HeaderList;
}

/**
 * Blocks that were decoded before without changing the table, and their lists. All of one generation of the table: with the next
 * they are forgotten together, so that none can be stale. A block is kept when it comes for the second time in a generation.
 */
export class BlockMemo {
  #generation = -1;
  #slots: (Slot | undefined)[] = [];
  #seen = new Int32Array(0);
  #seenCount = 0;
  #seenGeneration = -1;
  #keptBytes = 0;
  #victim = 0;

  /** The list of the same bytes, if the table is as it was then. */
  find(block: Uint8Array, start: number, end: number, hash: number, generation: number): HeaderList | undefined {
    if (generation !== this.#generation) return undefined;
    const slots = this.#slots;
    for (let way = 0; way < WAYS; way++) {
      const slot = slots[(hash + way) & (SLOTS - 1)];
      if (slot === undefined) return undefined;
      if (slot.hash === hash && same(slot.block, block, start, end)) return slot.list;
    }
    return undefined;
  }

  /** To be called with what a block was decoded to, if that left the table in the generation where it was. */
  keep(block: Uint8Array, start: number, end: number, hash: number, generation: number, list: HeaderList): void {
    const length = end - start;
    if (length > BLOCK_BYTES_MAX || length === 0 || !this.#seenBefore(hash, generation)) return;
    const bytes = length + listBytes(list);
    if (generation !== this.#generation || this.#keptBytes + bytes > KEPT_BYTES_MAX) {
      if (bytes > KEPT_BYTES_MAX) return;
      this.#slots = new Array(SLOTS).fill(undefined);
      this.#keptBytes = 0;
      this.#generation = generation;
    }
    const place = this.#place(hash);
    const old = this.#slots[place];
    if (old !== undefined) this.#keptBytes -= old.block.length + listBytes(old.list);
    this.#slots[place] = { hash, block: copied(block, start, end), list };
    this.#keptBytes += bytes;
  }

  #place(hash: number): number {
    for (let way = 0; way < WAYS; way++) {
      const place = (hash + way) & (SLOTS - 1);
      if (this.#slots[place] === undefined) return place;
    }
    this.#victim = (this.#victim + 1) & (WAYS - 1);
    return (hash + this.#victim) & (SLOTS - 1);
  }

  /** A small Bloom filter: being wrong costs a copy, no more. */
  #seenBefore(hash: number, generation: number): boolean {
    if (generation !== this.#seenGeneration || this.#seenCount >= SEEN_MAX) {
      if (this.#seen.length === 0) this.#seen = new Int32Array(SEEN_BITS / 32);
      else this.#seen.fill(0);
      this.#seenGeneration = generation;
      this.#seenCount = 0;
    }
    const place = (hash >>> 5) & (SEEN_BITS / 32 - 1);
    const bit = 1 << (hash & 31);
    const bits = this.#seen[place] as number;
    if ((bits & bit) !== 0) return true;
    this.#seen[place] = bits | bit;
    this.#seenCount += 1;
    return false;
  }
}

/** A number that differs for most blocks that differ, from at most 16 of their bytes: it finds a candidate, no more. */
export function blockHash(block: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const stride = length <= SAMPLES ? 1 : ((length + SAMPLES - 1) / SAMPLES) | 0;
  let hash = length;
  for (let at = end - 1; at >= start; at -= stride) hash = (Math.imul(hash, 31) + (block[at] as number)) | 0;
  return hash ^ (hash >>> 9);
}

/** A Buffer's own `slice` is a view, and goes by way of its species. */
function copied(block: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  for (let at = start; at < end; at++) copy[at - start] = block[at] as number;
  return copy;
}

function same(kept: Uint8Array, block: Uint8Array, start: number, end: number): boolean {
  const { length } = kept;
  if (length !== end - start) return false;
  for (let index = 0; index < length; index++) {
    if (kept[index] !== block[start + index]) return false;
  }
  return true;
}

function listBytes(list: HeaderList): number {
  let bytes = 0;
  for (const text of list.fields) bytes += text.length + ENTRY_OVERHEAD / 2;
  return bytes;
}
