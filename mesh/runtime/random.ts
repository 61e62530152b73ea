import { randomFillSync, randomInt } from "node:crypto";

/** The only source of chance. */
export interface Random {
  /** `count` bytes, fit for keys and tokens. */
  bytes(count: number): Uint8Array;
  /** A whole number, 0 ≤ n < `exclusiveMax`, evenly distributed. `exclusiveMax` is at most 2^48 - 1. */
  below(exclusiveMax: number): number;
}

/** Bytes that are drawn at once: asking the generator costs more than what it gives. */
const POOL_BYTES = 4096;

/** The operating system's cryptographic generator. */
export const systemRandom: Random = {
  bytes(count) {
    if (count > POOL_BYTES / 4) return randomFillSync(new Uint8Array(count));
    if (poolUsed + count > POOL_BYTES) {
      randomFillSync(pool);
      poolUsed = 0;
    }
    const drawn = pool.slice(poolUsed, poolUsed + count);
    // Each byte is handed out once, and not left behind.
    pool.fill(0, poolUsed, poolUsed + count);
    poolUsed += count;
    return drawn;
  },
  below: (exclusiveMax) => randomInt(exclusiveMax),
};

const pool = new Uint8Array(POOL_BYTES);
let poolUsed = POOL_BYTES;
