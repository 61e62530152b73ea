import fc from "fast-check";
import { expect, test } from "vitest";
import { matchPattern } from "../contract/match-pattern.ts";
import { sampleOf } from "./sample-text.ts";

test.each([
  ["^cus_[0-9a-hjkmnp-tv-z]{26}$", "cus_00000000000000000000000000"],
  ["^([0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{9})$", "000-00-0000"],
  ["^\\+[1-9][0-9]{6,14}$", "+1000000"],
  ["^[A-Za-z0-9_-]{1,64}$", "A"],
  ["^[a-z][a-z0-9-]{0,62}$", "aa"],
  ["^[a-z]+(\\.[a-z]+)*$", "a.a"],
  ["a|b", "a"],
  ["^(?:|x)$", "x"],
  ["[^a]", "0"],
  ["\\d\\w\\.?", "0a"],
])("%s is matched by %s", (pattern, text) => {
  expect(sampleOf(pattern)).toBe(text);
});

test.each(["(?i)a", "\\pL", "(", "[a", "a{2", "\\bword"])(
  "%s is not understood, and gives nothing wrong",
  (pattern) => {
    const text = sampleOf(pattern);
    if (text !== undefined) expect(matchPattern(pattern, text)).toBe(true);
  },
);

test("whatever the pattern, a sample matches it", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."ab01[]()|*+?{}^$\\.-,:d"), maxLength: 20 }), (pattern) => {
      const text = sampleOf(pattern);
      return text === undefined || matchPattern(pattern, text);
    }),
    { numRuns: 2_000 },
  );
});
