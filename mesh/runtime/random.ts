import { randomBytes, randomInt } from "node:crypto";

/** The only source of chance. */
export interface Random {
  /** `count` bytes, fit for keys and tokens. */
  bytes(count: number): Uint8Array;
  /** A whole number, 0 ≤ n < `exclusiveMax`, evenly distributed. `exclusiveMax` is at most 2^48 - 1. */
  below(exclusiveMax: number): number;
}

/** The operating system's cryptographic generator. */
export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  below: (exclusiveMax) => randomInt(exclusiveMax),
};
