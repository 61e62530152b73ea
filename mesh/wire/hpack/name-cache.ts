const SLOTS = 256;
const NAME_BYTES_MAX = 32;

/**
 * Header names by their bytes on the wire, so that a literal name costs neither decoding nor a new string. Bounded: a name has one
 * slot, and the last one in it wins. Names only, for values can be secret and the cache is shared.
 */
export class NameCache {
  readonly #bytes = new Uint8Array(SLOTS * NAME_BYTES_MAX);
  /** Length, and 0x80 when Huffman coded. */
  readonly #shape = new Uint8Array(SLOTS);
  readonly #names: string[] = new Array(SLOTS).fill("");

  /** The place of a name, -1 when it is too long or empty. */
  slot(bytes: Uint8Array, start: number, length: number, coded: boolean): number {
    if (length > NAME_BYTES_MAX || length === 0) return -1;
    let hash = coded ? length + 0x80 : length;
    for (let at = start; at < start + length; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    return (hash ^ (hash >>> 11)) & (SLOTS - 1);
  }

  find(slot: number, bytes: Uint8Array, start: number, length: number, coded: boolean): string | undefined {
    if (slot < 0 || this.#shape[slot] !== (coded ? length | 0x80 : length)) return undefined;
    const kept = this.#bytes;
    const base = slot * NAME_BYTES_MAX;
    for (let index = 0; index < length; index++) {
      if (kept[base + index] !== bytes[start + index]) return undefined;
    }
    return this.#names[slot];
  }

  /** Keeps a name and returns it, as the engine's own constant where it has one. */
  keep(slot: number, bytes: Uint8Array, start: number, length: number, coded: boolean, name: string): string {
    if (slot < 0) return name;
    const kept = this.#bytes;
    const base = slot * NAME_BYTES_MAX;
    for (let index = 0; index < length; index++) kept[base + index] = bytes[start + index] as number;
    this.#shape[slot] = coded ? length | 0x80 : length;
    // A property's key is internalised: comparing it with a constant is comparing two addresses.
    const unique = Object.keys({ [name]: 0 })[0] as string;
    this.#names[slot] = unique;
    return unique;
  }
}
