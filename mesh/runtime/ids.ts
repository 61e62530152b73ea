import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** The only source of identifiers. */
export interface Ids {
  /**
   * A new resource id: `<prefix>_` and 26 characters of lower-case Crockford base32, the layout of a ULID: 48 bits of
   * milliseconds, 80 bits of chance. Ids of one process sort in the order in which they were made.
   */
  next(prefix: string): string;
  /** A random UUID, version 4 (RFC 9562). */
  uuid(): string;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const CHANCE_CHARACTERS = 16;

/** Ids made from a clock and a source of chance, so that a seed repeats them. */
export const createIds = ({ clock, random }: { clock: Clock; random: Random }): Ids => {
  let lastMs = -1;
  let chance: number[] = [];
  return {
    next(prefix) {
      // A wall clock that goes back must not make ids that sort before earlier ones.
      const nowMs = Math.max(clock.nowMs(), lastMs);
      if (nowMs === lastMs) {
        increment(chance);
      } else {
        lastMs = nowMs;
        chance = Array.from(random.bytes(CHANCE_CHARACTERS), (byte) => byte & 31);
        // Room to count up within one millisecond without overflow.
        chance[0] = (chance[0] ?? 0) & 15;
      }
      return `${prefix}_${encodeTime(nowMs)}${chance.map((digit) => ALPHABET[digit]).join("")}`;
    },
    uuid() {
      const bytes = random.bytes(16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = Buffer.from(bytes).toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
};

const encodeTime = (ms: number): string => {
  let text = "";
  for (let rest = ms, i = 0; i < 10; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
};

const increment = (digits: number[]): void => {
  for (let i = digits.length - 1; i >= 0; i--) {
    const digit = (digits[i] ?? 0) + 1;
    digits[i] = digit & 31;
    if (digit < 32) return;
  }
};
