import { createCipheriv, createDecipheriv, createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Random } from "@heddle/mesh/runtime";
import type { KeyRing } from "./key-ring.ts";
import { lastFourOf } from "./number.ts";
import { KEY_BYTES } from "./secret-key.ts";

/** A number that only the key ring opens. Each part has one length, whatever the number. */
export interface SealedNumber {
  /** The key of this number alone, under the wrapping key. */
  readonly wrappedKey: Uint8Array;
  readonly wrappingKeyId: string;
  /** The nine digits under the number's own key. */
  readonly number: Uint8Array;
  /** Its last four, sealed apart, so that showing the mask does not open the number. */
  readonly lastFour: Uint8Array;
  /** Equal for equal numbers, and of no use without the index key. */
  readonly blindIndex: Uint8Array;
  readonly indexKeyId: string;
}

/** What a number is bound to: in another row it does not open. */
export interface Owner {
  readonly id: string;
  readonly customerId: string;
}

export interface Vault {
  seal(digits: string, owner: Owner): SealedNumber;
  /** The nine digits. Throws an Error when the number was not sealed for this owner, or is not as it was. */
  open(sealed: SealedNumber, owner: Owner): string;
  /** Throws like `open`. */
  openLastFour(sealed: SealedNumber, owner: Owner): string;
  /** The same number under the current wrapping key; the same object when it is there already. Throws like `open`. */
  rewrap(sealed: SealedNumber, owner: Owner): SealedNumber;
  /** What numbers are compared by. */
  indexOf(digits: string): Uint8Array;
  /** Takes the same time whether and wherever two indexes differ. */
  isSame(a: Uint8Array, b: Uint8Array): boolean;
}

/**
 * Envelope encryption: each number under a data key of its own, each data key under the wrapping key, both by AES-256-GCM
 * (NIST SP 800-38D) with random nonces of 96 bits; at most 2^32 data keys may be wrapped by one key, far beyond all numbers
 * that exist. Numbers are compared by HMAC-SHA-256 (RFC 2104).
 */
export const createVault = ({ wrapping, previous, index }: KeyRing, random: Random): Vault => {
  const wrap = (dataKey: Uint8Array, owner: Owner): Pick<SealedNumber, "wrappedKey" | "wrappingKeyId"> => ({
    wrappedKey: encrypt(wrapping.key, dataKey, boundTo(`data key ${wrapping.id}`, owner), random),
    wrappingKeyId: wrapping.id,
  });
  /** Hands the data key to `use`, and zeroes it after. */
  const withDataKey = <T>(sealed: SealedNumber, owner: Owner, use: (dataKey: Buffer) => T): T => {
    const { wrappedKey, wrappingKeyId: id } = sealed;
    const key = [wrapping, previous].find((known) => known?.id === id);
    if (key === undefined)
      throw new Error(`record ${owner.id} is under the wrapping key ${id}, which this process was not given`);
    const dataKey = decrypt(key.key, wrappedKey, boundTo(`data key ${id}`, owner), owner);
    try {
      return use(dataKey);
    } finally {
      dataKey.fill(0);
    }
  };
  const indexOf = (digits: string) => createHmac("sha256", index.key).update(`number ${digits}`).digest();
  const reveal = (sealed: SealedNumber, part: "number" | "lastFour", owner: Owner): string =>
    withDataKey(sealed, owner, (dataKey) => {
      const digits = decrypt(dataKey, sealed[part], boundTo(part, owner), owner);
      const text = digits.toString("latin1");
      digits.fill(0);
      return text;
    });
  return {
    seal(digits, owner) {
      const dataKey = random.bytes(KEY_BYTES);
      const hide = (text: string, part: string) => encrypt(dataKey, Buffer.from(text), boundTo(part, owner), random);
      try {
        return {
          ...wrap(dataKey, owner),
          number: hide(digits, "number"),
          lastFour: hide(lastFourOf(digits), "lastFour"),
          blindIndex: indexOf(digits),
          indexKeyId: index.id,
        };
      } finally {
        dataKey.fill(0);
      }
    },
    open: (sealed, owner) => reveal(sealed, "number", owner),
    openLastFour: (sealed, owner) => reveal(sealed, "lastFour", owner),
    rewrap(sealed, owner) {
      if (sealed.wrappingKeyId === wrapping.id) return sealed;
      return withDataKey(sealed, owner, (dataKey) => ({ ...sealed, ...wrap(dataKey, owner) }));
    },
    indexOf,
    isSame: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  };
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What is authenticated beside a text: what it is, and whose. */
const boundTo = (part: string, { id, customerId }: Owner): Buffer =>
  Buffer.from(JSON.stringify([part, id, customerId]));

/** Layout: nonce, ciphertext, tag. */
const encrypt = (key: KeyObject | Uint8Array, plain: Uint8Array, bound: Buffer, random: Random): Buffer => {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

const decrypt = (key: KeyObject | Uint8Array, sealed: Uint8Array, bound: Buffer, owner: Owner): Buffer => {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    // A cipher of counters gives all it has in `update`; `final` checks the tag, before anything of it is used.
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
    decipher.final();
    return plain;
  } catch (cause) {
    throw new Error(`record ${owner.id} does not open: it was changed in the database, or belongs to another row`, {
      cause,
    });
  }
};
