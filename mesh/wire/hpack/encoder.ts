import type { HeaderList } from "../header-list.ts";
import { BlockWriter } from "./block-writer.ts";
import { INITIAL_TABLE_BYTES } from "./dynamic-table.ts";
import { IndexedTable } from "./indexed-table.ts";
import { InsertionPolicy } from "./insertion-policy.ts";

/** Lists whose block is remembered, and how large a block may be. */
const KNOWN_LISTS_MAX = 64;
const KNOWN_BLOCK_BYTES_MAX = 2048;
/** Lists that were met once: only one that comes again is worth a copy of its block. */
const MET_LISTS = 32;

/** Secrets, which must not be guessed by way of what compresses (RFC 7541, 7.1.3). */
const NEVER_INDEXED: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

const INDEXED = 0x80;
const LITERAL_TO_INDEX = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED_LITERAL = 0x10;
const LITERAL = 0x00;

/** Places among the extra fields whose name is remembered: mostly the same stands there again. */
const EXTRA_NAMES_MAX = 8;

interface KnownName {
  readonly name: string;
  readonly generation: number;
  /** The beginning of its literal. */
  readonly coded: Uint8Array;
}

interface KnownBlock {
  generation: number;
  block: Uint8Array;
}

/**
 * The sending end of header compression (RFC 7541), one for each connection. The block of a list that is used again is remembered
 * for as long as the table stays as it is.
 */
export class HpackEncoder {
  readonly #table = new IndexedTable();
  readonly #policy = new InsertionPolicy();
  readonly #writer = new BlockWriter();
  readonly #tableBytesMax: number;
  readonly #known = new Map<HeaderList, KnownBlock>();
  readonly #extraNames: KnownName[] = [];
  readonly #met: (HeaderList | undefined)[] = [];
  #metNext = 0;
  /** The smallest bound since the last block; undefined when the decoder knows the present one. */
  #smallestBound: number | undefined;

  /** `tableBytesMax`: how much table we are willing to use, 4096 unless told. */
  constructor(options: { tableBytesMax?: number } = {}) {
    this.#tableBytesMax = options.tableBytesMax ?? INITIAL_TABLE_BYTES;
    this.setPeerTableBytes(INITIAL_TABLE_BYTES);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE has arrived: the table is as large as both allow. The next block says so. */
  setPeerTableBytes(bytes: number): void {
    const bound = Math.min(bytes, this.#tableBytesMax);
    if (bound === this.#table.bytesMax) return;
    this.#table.resize(bound);
    this.#smallestBound = Math.min(bound, this.#smallestBound ?? bound);
  }

  /**
   * Encodes `headers`, then `extra` (name, value, …), whose values are not worth a place in the table. The block is valid until
   * the next call.
   */
  encode(headers: HeaderList, extra: readonly string[] | undefined): Uint8Array {
    const known = this.#known.get(headers);
    const writer = this.#writer;
    if (known !== undefined && known.generation === this.#table.generation) {
      if (extra === undefined) return known.block;
      writer.start();
      writer.append(known.block);
    } else {
      writer.start();
      this.#encodeList(headers);
    }
    if (extra !== undefined) {
      for (let index = 0; index < extra.length; index += 2) {
        this.#extra(index >>> 1, extra[index] as string, extra[index + 1] as string);
      }
    }
    return writer.view();
  }

  #encodeList(headers: HeaderList): void {
    const { fields } = headers;
    const updated = this.#sizeUpdates();
    const { generation } = this.#table;
    this.#policy.nextBlock();
    for (let index = 0; index < fields.length; index += 2) {
      this.#field(fields[index] as string, fields[index + 1] as string);
    }
    const known = this.#known.get(headers);
    const kept = this.#writer.length <= KNOWN_BLOCK_BYTES_MAX && (known !== undefined || this.#metBefore(headers));
    // A block that changed something must not be sent again.
    if (kept && !updated && generation === this.#table.generation) this.#remember(headers, known, generation);
  }

  /** Announces the smallest bound since the last block, then the present one (RFC 7541, 4.2). */
  #sizeUpdates(): boolean {
    const smallest = this.#smallestBound;
    if (smallest === undefined) return false;
    this.#smallestBound = undefined;
    const present = this.#table.bytesMax;
    if (smallest < present) this.#writer.integer(SIZE_UPDATE, 0x1f, smallest);
    this.#writer.integer(SIZE_UPDATE, 0x1f, present);
    return true;
  }

  #field(name: string, value: string): void {
    const writer = this.#writer;
    if (NEVER_INDEXED.has(name)) {
      this.#name(NEVER_INDEXED_LITERAL, 0x0f, name);
      writer.shortString(value);
      return;
    }
    const index = this.#table.field(name, value);
    if (index !== 0) {
      writer.integer(INDEXED, 0x7f, index);
      return;
    }
    const insert = this.#policy.admits(name, value, this.#table.bytes, this.#table.bytesMax);
    this.#name(insert ? LITERAL_TO_INDEX : LITERAL, insert ? 0x3f : 0x0f, name);
    writer.shortString(value);
    if (insert) this.#policy.evicted(this.#table.insert(name, value));
  }

  #extra(place: number, name: string, value: string): void {
    const known = this.#extraNames[place];
    if (known !== undefined && known.name === name && known.generation === this.#table.generation) {
      this.#writer.append(known.coded);
    } else {
      this.#extraName(place, name);
    }
    this.#writer.rawString(value);
  }

  #extraName(place: number, name: string): void {
    const writer = this.#writer;
    const start = writer.length;
    const index = this.#table.name(name);
    writer.integer(NEVER_INDEXED.has(name) ? NEVER_INDEXED_LITERAL : LITERAL, 0x0f, index);
    if (index === 0) writer.rawString(name);
    if (place >= EXTRA_NAMES_MAX) return;
    this.#extraNames[place] = { name, generation: this.#table.generation, coded: writer.copy(start) };
  }

  #name(pattern: number, mask: number, name: string): void {
    const index = this.#table.name(name);
    this.#writer.integer(pattern, mask, index);
    if (index === 0) this.#writer.shortString(name);
  }

  #remember(headers: HeaderList, known: KnownBlock | undefined, generation: number): void {
    const block = this.#writer.copy(0);
    if (known !== undefined) {
      known.block = block;
      known.generation = generation;
      return;
    }
    if (this.#known.size >= KNOWN_LISTS_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(headers, { generation, block });
  }

  #metBefore(headers: HeaderList): boolean {
    if (this.#met.includes(headers)) return true;
    this.#met[this.#metNext] = headers;
    this.#metNext = (this.#metNext + 1) % MET_LISTS;
    return false;
  }
}
