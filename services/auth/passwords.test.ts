import { argon2Sync } from "node:crypto";
import { systemRandom } from "@heddle/mesh/runtime";
import { expect, test } from "vitest";
import { createPasswords, type Derive, HASH_COST } from "./passwords.ts";

const PASSWORD = "correct horse battery";
/** Salt: 16 zero bytes. */
const CHEAP_PHC = `$argon2id$v=19$m=64,t=1,p=1$${"A".repeat(22)}$${argon2Sync("argon2id", {
  message: PASSWORD,
  nonce: Buffer.alloc(16),
  memory: 64,
  passes: 1,
  parallelism: 1,
  tagLength: 32,
})
  .toString("base64")
  .replace(/=+$/, "")}`;

test("a hash verifies its own password only, and no two are alike", async () => {
  const passwords = createPasswords(systemRandom);
  const phc = await passwords.hash(PASSWORD);
  expect(phc).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await passwords.hash(PASSWORD)).not.toBe(phc);
  expect(await passwords.verify(PASSWORD, phc)).toBe(true);
  expect(await passwords.verify(`${PASSWORD} `, phc)).toBe(false);
});

test("a hash of another cost verifies, and is known to be out of date", async () => {
  const passwords = createPasswords(systemRandom);
  expect(await passwords.verify(PASSWORD, CHEAP_PHC)).toBe(true);
  expect(passwords.isCurrent(CHEAP_PHC)).toBe(false);
});

test("one text is one password, composed or not", async () => {
  const passwords = createPasswords(systemRandom);
  expect(await passwords.verify("p\u0061\u0308sswort-zwei", await passwords.hash("p\u00e4sswort-zwei"))).toBe(true);
});

test("an account that does not exist costs the same work as a wrong password, and never lets in", async () => {
  const costs: unknown[] = [];
  // Answers what the dummy holds, as if somebody had guessed it.
  const chance = { ...systemRandom, bytes: (count: number) => new Uint8Array(count) };
  const derive: Derive = async (_, salt, { memoryKib, passes, lanes }, tagBytes) => {
    costs.push({ memoryKib, passes, lanes, saltBytes: salt.length, tagBytes });
    return new Uint8Array(tagBytes);
  };
  const passwords = createPasswords(chance, derive);
  await passwords.verify(PASSWORD, await passwords.hash(PASSWORD));
  expect(await passwords.verify(PASSWORD, undefined)).toBe(false);
  const cost = { ...HASH_COST, saltBytes: 16, tagBytes: 32 };
  expect(costs).toEqual([cost, cost, cost]);
});
