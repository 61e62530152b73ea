/**
 * Bits of the code of each byte, and of EOS at 256 (RFC 7541, Appendix B). The code is canonical, so that the lengths say it all:
 * codes of one length follow one another in the order of their symbols.
 */
// biome-ignore format: sixteen to a line, so that they can be compared with the RFC
export const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const EOS = 256;
const LENGTHS = Uint8Array.from(CODE_LENGTHS);
const CODES = canonicalCodes();

const CHILDREN = codeTree();

/**
 * The decoder's transitions, a byte of input at a time: `STEPS[state << 8 | byte]`. A state is an inner node of the code's tree,
 * that is the bits read since the last whole symbol. A step holds what is emitted, at most two symbols since the shortest code
 * has 5 bits: first in bits 0 to 7, second in 8 to 15, how many in 24 and 25; the next state in 16 to 23. Negative: EOS was met.
 * 0: not needed so far. A process meets a few hundred of the 65,536.
 */
const STEPS = new Int32Array(256 * 256);

/** The states of up to 7 one bits come first: a string may end in these, its padding being a prefix of EOS (RFC 7541, 5.2). */
const LAST_FINAL_STATE = 7;

/** Bytes that `bytes` Huffman coded bytes can become at most, and one that `decodeHuffman` may write behind them. */
export const decodedBytesMax = (bytes: number): number => ((bytes * 8) / 5 + 2) | 0;

/**
 * Decodes bytes [start, end) to the beginning of `out`, which must have room for `decodedBytesMax(end - start)`.
 * Returns the count of decoded bytes; -1 when EOS occurs or the padding is wrong.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    let step = STEPS[state | (bytes[at] as number)] as number;
    if (step <= 0) {
      step = findStep(state | (bytes[at] as number));
      if (step < 0) return -1;
    }
    // Both places are written and only the count decides: a wrong guess by the processor would cost more than a store.
    out[length] = step;
    out[length + 1] = step >> 8;
    length += step >> 24;
    state = (step >> 8) & 0xff00;
  }
  return state >> 8 <= LAST_FINAL_STATE ? length : -1;
}

/** Bytes that a text takes when coded, padding included. Characters above Latin-1 count as the `?` that they become. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    bits += LENGTHS[code > 0xff ? 0x3f : code] as number;
  }
  return (bits + 7) >>> 3;
}

/** Writes a text's code to `out` from `at` on, where there must be room. Returns the position behind. */
export function encodeHuffman(text: string, out: Uint8Array, at: number): number {
  let bits = 0;
  let count = 0;
  let end = at;
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index);
    const symbol = char > 0xff ? 0x3f : char;
    const code = CODES[symbol] as number;
    let length = LENGTHS[symbol] as number;
    // In two parts, since up to 7 bits may be waiting and a number's bits are 32.
    if (length > 16) {
      length -= 16;
      bits = (bits << length) | (code >>> 16);
      count += length;
      for (; count >= 8; count -= 8) out[end++] = bits >>> (count - 8);
      length = 16;
    }
    bits = (bits << length) | (length === 16 ? code & 0xffff : code);
    count += length;
    for (; count >= 8; count -= 8) out[end++] = bits >>> (count - 8);
  }
  if (count > 0) out[end++] = (bits << (8 - count)) | (0xff >>> count);
  return end;
}

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length);
  let next = 0;
  for (let length = 1; length <= 30; length++) {
    next *= 2;
    for (let symbol = 0; symbol < LENGTHS.length; symbol++) {
      if (LENGTHS[symbol] === length) codes[symbol] = next++;
    }
  }
  return codes;
}

/** The tree as two children per node: an inner node's number, or ~symbol. Nodes 0 to 29 are the way to EOS. */
function codeTree(): Int16Array {
  const children = new Int16Array(256 * 2);
  let nodes = 0;
  // 0 is the root, nobody's child: it stands for a child that is not there yet.
  const add = (symbol: number) => {
    let node = 0;
    for (let bit = (LENGTHS[symbol] as number) - 1; bit > 0; bit--) {
      const side = node * 2 + (((CODES[symbol] as number) >>> bit) & 1);
      if (children[side] === 0) children[side] = ++nodes;
      node = children[side] as number;
    }
    children[node * 2 + ((CODES[symbol] as number) & 1)] = ~symbol;
  };
  add(EOS);
  for (let symbol = 0; symbol < EOS; symbol++) add(symbol);
  return children;
}

/** Walks the tree for one byte from one state, and remembers where that led to. */
function findStep(place: number): number {
  let node = place >> 8;
  let symbols = 0;
  let count = 0;
  for (let bit = 7; bit >= 0; bit--) {
    const child = CHILDREN[node * 2 + ((place >> bit) & 1)] as number;
    node = child < 0 ? 0 : child;
    if (child >= 0) continue;
    if (~child === EOS) return -1;
    symbols |= ~child << (count * 8);
    count += 1;
  }
  const step = symbols | (node << 16) | (count << 24);
  STEPS[place] = step;
  return step;
}
