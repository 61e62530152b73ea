import { argon2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Random } from "@heddle/mesh/runtime";
import { formatPasswordHash, type HashCost, type PasswordHash, parsePasswordHash } from "./password-hash.ts";

/** The cost of new hashes: OWASP's first choice for argon2id (Password Storage Cheat Sheet). */
export const HASH_COST: HashCost = { memoryKib: 19_456, passes: 2, lanes: 1 };

const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** Turns passwords into what is stored, and compares them with it. Never call it inside a job of the store. */
export interface Passwords {
  /** A new hash of the password, as a PHC string. */
  hash(password: string): Promise<string>;
  /** Whether the password is the one of the hash. Without a hash the answer is no, after the same work. */
  verify(password: string, phc: string | undefined): Promise<boolean>;
  /** Whether a hash has the cost of new ones; another is replaced at the next sign-in. */
  isCurrent(phc: string): boolean;
}

/** Makes `tagBytes` bytes from a password, off the event loop. */
export type Derive = (password: string, salt: Uint8Array, cost: HashCost, tagBytes: number) => Promise<Uint8Array>;

/** Passwords by argon2id (RFC 9106) with salts from `random`. */
export const createPasswords = (random: Random, derive: Derive = argon2id): Passwords => {
  // The hash of no password: it stands in for that of an account that does not exist.
  const nobody: PasswordHash = { ...HASH_COST, salt: random.bytes(SALT_BYTES), tag: random.bytes(TAG_BYTES) };
  return {
    async hash(password) {
      const salt = random.bytes(SALT_BYTES);
      return formatPasswordHash({ ...HASH_COST, salt, tag: await derive(password, salt, HASH_COST, TAG_BYTES) });
    },
    async verify(password, phc) {
      const known = phc === undefined ? nobody : parsePasswordHash(phc);
      const tag = await derive(password, known.salt, known, known.tag.length);
      return timingSafeEqual(tag, known.tag) && phc !== undefined;
    },
    isCurrent(phc) {
      const { memoryKib, passes, lanes, salt, tag } = parsePasswordHash(phc);
      return (
        memoryKib === HASH_COST.memoryKib &&
        passes === HASH_COST.passes &&
        lanes === HASH_COST.lanes &&
        salt.length === SALT_BYTES &&
        tag.length === TAG_BYTES
      );
    },
  };
};

const derive = promisify(argon2);

/** Derives by `node:crypto`. One text has one form whichever keyboard it comes from: NFKC (NIST SP 800-63B, 5.1.1.2). */
const argon2id: Derive = (password, salt, { memoryKib, passes, lanes }, tagBytes) =>
  derive("argon2id", {
    message: Buffer.from(password.normalize("NFKC")),
    nonce: salt,
    memory: memoryKib,
    passes,
    parallelism: lanes,
    tagLength: tagBytes,
  });
