import { systemRandom } from "@heddle/mesh/runtime";
import { expect, test } from "vitest";
import { secretKey } from "./secret-key.ts";
import { createVault, type SealedNumber } from "./vault.ts";

const keyOf = (byte: number) => secretKey(new Uint8Array(32).fill(byte));
const ring = { wrapping: keyOf(1), previous: undefined, index: keyOf(2) };
const vault = createVault(ring, systemRandom);
const owner = { id: "ssr_1", customerId: "cus_1" };
const DIGITS = "123456789";

/** The same bytes with one bit of one of them turned. */
const damaged = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

test("a sealed number opens for its owner", () => {
  const sealed = vault.seal(DIGITS, owner);
  expect(vault.open(sealed, owner)).toBe(DIGITS);
  expect(vault.openLastFour(sealed, owner)).toBe("6789");
});

test("the same number is sealed differently each time, and has one blind index", () => {
  const [a, b] = [vault.seal(DIGITS, owner), vault.seal(DIGITS, owner)];
  expect(a.wrappedKey).not.toEqual(b.wrappedKey);
  expect(a.number).not.toEqual(b.number);
  expect(vault.isSame(a.blindIndex, b.blindIndex)).toBe(true);
  expect(vault.isSame(a.blindIndex, vault.indexOf("123456788"))).toBe(false);
});

test("a number opens in no other row and for no other customer", () => {
  const sealed = vault.seal(DIGITS, owner);
  expect(() => vault.open(sealed, { ...owner, id: "ssr_2" })).toThrow("ssr_2 does not open");
  expect(() => vault.open(sealed, { ...owner, customerId: "cus_2" })).toThrow("does not open");
  const other = vault.seal("987654321".replace("9", "8"), owner);
  expect(() => vault.open({ ...sealed, number: other.number }, owner)).toThrow("does not open");
});

test("one turned bit anywhere is seen", () => {
  const sealed = vault.seal(DIGITS, owner);
  for (const part of ["wrappedKey", "number"] as const) {
    for (let at = 0; at < sealed[part].length; at++) {
      const changed: SealedNumber = { ...sealed, [part]: damaged(sealed[part], at) };
      expect(() => vault.open(changed, owner), `${part} ${at}`).toThrow("does not open");
    }
  }
});

test("the last four digits cannot pass for the number", () => {
  const sealed = vault.seal(DIGITS, owner);
  expect(() => vault.open({ ...sealed, number: sealed.lastFour }, owner)).toThrow("does not open");
});

test("a number moves to a new wrapping key, and the old key does not open it any more", () => {
  const sealed = vault.seal(DIGITS, owner);
  const next = createVault({ wrapping: keyOf(3), previous: ring.wrapping, index: ring.index }, systemRandom);
  expect(next.open(sealed, owner)).toBe(DIGITS);
  const moved = next.rewrap(sealed, owner);
  expect(moved.wrappingKeyId).toBe(keyOf(3).id);
  expect(next.rewrap(moved, owner)).toBe(moved);
  expect(createVault({ ...ring, wrapping: keyOf(3) }, systemRandom).open(moved, owner)).toBe(DIGITS);
  expect(() => vault.open(moved, owner)).toThrow("which this process was not given");
});

test("another index key makes another index", () => {
  const other = createVault({ ...ring, index: keyOf(4) }, systemRandom);
  expect(vault.isSame(vault.indexOf(DIGITS), other.indexOf(DIGITS))).toBe(false);
});

test("data keys are zeroed after use", () => {
  const given: Uint8Array[] = [];
  const watched = createVault(ring, { ...systemRandom, bytes: (count) => record(systemRandom.bytes(count)) });
  const record = (bytes: Uint8Array) => {
    if (bytes.length === 32) given.push(bytes);
    return bytes;
  };
  watched.seal(DIGITS, owner);
  expect(given).toEqual([new Uint8Array(32)]);
});
