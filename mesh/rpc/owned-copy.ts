/**
 * A copy that its receiver may keep. A decoded message shares memory with the bytes it came from (protobuf-es: fields of type
 * bytes, unknown fields), while those of the wire are used again. Small ones share a slab: a buffer of their own costs more
 * than the copy.
 */
export const ownedCopy = (bytes: Uint8Array, start: number, end: number): Uint8Array => {
  const length = end - start;
  if (length > SLAB_BYTES / 4) return new Uint8Array(bytes.subarray(start, end));
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const at = slabUsed;
  slabUsed += length;
  // `set` would need a view of the part first, which costs more than a small copy.
  copy.call(bytes, slab, at, start, end);
  return new Uint8Array(slab.buffer, at, length);
};

const SLAB_BYTES = 8192;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;
const { copy } = Buffer.prototype;
