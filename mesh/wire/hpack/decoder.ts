import { ConnectionError, ErrorCode } from "../error-code.ts";
import { HeaderList } from "../header-list.ts";
import { BlockMemo, blockHash } from "./block-memo.ts";
import { BlockReader } from "./block-reader.ts";
import { DynamicTable, ENTRY_OVERHEAD, INITIAL_TABLE_BYTES } from "./dynamic-table.ts";
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts";

/** Decoding is synchronous: one reader serves all decoders. */
const reader = new BlockReader();
/** The fields of the block that is being decoded, and how many strings they are: a list is copied from it in one piece. */
let fields: string[] = [];
let count = 0;
/** Beyond these the array is given back, for it holds on to the strings that were last in it. */
const FIELDS_KEPT = 128;
const FIELDS_KEPT_BYTES = 8 * 1024;

/**
 * The receiving end of header compression (RFC 7541), one for each connection. A block that comes again while the table is
 * unchanged yields the same list. What the fields say is not judged: that is HTTP's part.
 */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #memo = new BlockMemo();
  readonly #tableBytesMax: number;
  readonly #listBytesMax: number;
  #listBytes = 0;

  /**
   * `tableBytesMax` is our SETTINGS_HEADER_TABLE_SIZE; `listBytesMax` bounds a list, counted as RFC 9113, 6.5.2 has it: name,
   * value and 32 bytes for each field.
   */
  constructor(options: { tableBytesMax: number; listBytesMax: number }) {
    this.#tableBytesMax = options.tableBytesMax;
    this.#listBytesMax = options.listBytesMax;
    this.#table = new DynamicTable(INITIAL_TABLE_BYTES);
  }

  /**
   * Decodes one whole header block, the bytes [start, end). Returns undefined when the list is over its bound; the table has
   * followed the block all the same. Throws ConnectionError(COMPRESSION_ERROR) on any violation, after which the decoder is
   * of no use.
   */
  decode(block: Uint8Array, start: number, end: number): HeaderList | undefined {
    const generation = this.#table.generation;
    const hash = blockHash(block, start, end);
    const known = this.#memo.find(block, start, end, hash, generation);
    if (known !== undefined) return known;
    this.#listBytes = 0;
    count = 0;
    reader.open(block, start, end);
    try {
      this.#sizeUpdates();
      this.#fieldsToEnd(block, end);
      if (this.#listBytes > this.#listBytesMax) return undefined;
      const list = new HeaderList(fields.slice(0, count));
      if (this.#table.generation === generation) this.#memo.keep(block, start, end, hash, generation, list);
      return list;
    } finally {
      reader.close();
      if (count > FIELDS_KEPT || this.#listBytes > FIELDS_KEPT_BYTES) fields = [];
    }
  }

  /** Updates of the table's size, which stand before the first field only (RFC 7541, 4.2). */
  #sizeUpdates(): void {
    while (reader.at < reader.end && ((reader.bytes[reader.at] as number) & 0xe0) === 0x20) {
      const size = reader.integer(0x1f);
      if (size > this.#tableBytesMax) throw violation(`table size ${size} is over the ${this.#tableBytesMax} allowed`);
      this.#table.resize(size);
    }
  }

  #fieldsToEnd(block: Uint8Array, end: number): void {
    while (reader.at < end) {
      const byte = block[reader.at] as number;
      if (byte >= 0x80) this.#indexed(reader.integer(0x7f));
      else if (byte >= 0x40) this.#literalToIndex();
      else if (byte >= 0x20) throw violation("table size update after a field");
      else this.#literal();
    }
  }

  #indexed(index: number): void {
    if (index > STATIC_COUNT) this.#add(this.#dynamicName(index), this.#table.value(index - STATIC_COUNT - 1));
    else if (index === 0) throw violation("index 0");
    else this.#add(STATIC_NAMES[index] as string, STATIC_VALUES[index] as string);
  }

  #literalToIndex(): void {
    const index = reader.integer(0x3f);
    const name = index === 0 ? reader.name() : this.#nameAt(index);
    const value = reader.string();
    this.#table.insert(name, value);
    this.#add(name, value);
  }

  #literal(): void {
    const index = reader.integer(0x0f);
    // Over the bound nothing is kept, so that no string is made; but the block must still be right.
    if (this.#listBytes > this.#listBytesMax) {
      if (index === 0) reader.skipString();
      else this.#nameAt(index);
      reader.skipString();
      return;
    }
    const name = index === 0 ? reader.name() : this.#nameAt(index);
    this.#add(name, reader.string());
  }

  #add(name: string, value: string): void {
    this.#listBytes += name.length + value.length + ENTRY_OVERHEAD;
    if (this.#listBytes > this.#listBytesMax) return;
    fields[count] = name;
    fields[count + 1] = value;
    count += 2;
  }

  #nameAt(index: number): string {
    return index <= STATIC_COUNT ? (STATIC_NAMES[index] as string) : this.#dynamicName(index);
  }

  #dynamicName(index: number): string {
    const age = index - STATIC_COUNT - 1;
    if (age >= this.#table.count) throw violation(`index ${index} of a table that has ${this.#table.count} entries`);
    return this.#table.name(age);
  }
}

const violation = (message: string): ConnectionError => new ConnectionError(ErrorCode.COMPRESSION_ERROR, message);
