import { PREFIX_BYTES } from "./envelope.ts";

/** Follows a body of enveloped messages, which comes in pieces of any size, and tells when one of them is whole. */
export class EnvelopeCounter {
  #prefixBytes = 0;
  #length = 0;
  /** Bytes of the present message that are still to come. */
  #left = 0;
  /** True when a message was completed since this was last set to false. */
  complete = false;

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        const byte = chunk[at++] as number;
        // The first byte is the flag.
        this.#length = this.#prefixBytes === 0 ? 0 : this.#length * 256 + byte;
        this.#prefixBytes++;
        this.#left = this.#length;
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#prefixBytes === PREFIX_BYTES && this.#left === 0) {
        this.#prefixBytes = 0;
        this.complete = true;
      }
    }
  }
}
