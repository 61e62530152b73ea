import { expect, test } from "vitest";
import { formatPasswordHash, parsePasswordHash } from "./password-hash.ts";

const PHC = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8";

test("a hash is read and written in PHC format", () => {
  const hash = parsePasswordHash(PHC);
  expect(hash).toMatchObject({ memoryKib: 19_456, passes: 2, lanes: 1 });
  expect([hash.salt.length, hash.tag.length]).toEqual([16, 32]);
  expect(formatPasswordHash(hash)).toBe(PHC);
});

test.each(["", "$argon2i$v=19$m=1,t=1,p=1$AAECAwQFBgc$AAECAwQFBgcICQoLDA", PHC.replace("v=19", "v=16"), `${PHC}$`])(
  "%j is refused, and not shown",
  (text) => {
    expect(() => parsePasswordHash(text)).toThrow("a stored password hash is not argon2id version 1.3 in PHC format");
  },
);
