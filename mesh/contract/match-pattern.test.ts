import { RE2JS } from "@bufbuild/re2";
import { expect, test } from "vitest";
import { matchPattern } from "./match-pattern.ts";

const texts = [
  "",
  "cus_01h00000000000000000000000",
  "123-45-6789",
  "123456789",
  "666-12-1234",
  "AB",
  "+4179123",
  "a.b_c.d",
  "\n",
  "x\u2028",
];
const patterns = [
  "^cus_[0-9a-hjkmnp-tv-z]{26}$",
  "^([0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{9})$",
  "^(000|666|9)|^[0-9]{3}-?00|0000$",
  "^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*$",
  "^\\+[1-9][0-9]{6,14}$",
  "^.$",
  "^\\s*$",
  "(?i)^ab$",
  "b",
];

test.each(patterns)("%s matches what RE2 matches", (pattern) => {
  for (const text of texts)
    expect([text, matchPattern(pattern, text)]).toEqual([text, RE2JS.compile(pattern).test(text)]);
});

test("a pattern that makes a backtracking engine hang takes no time", () => {
  // RegExp would take longer than the age of the universe.
  expect(matchPattern("^(a+)+$", `${"a".repeat(60)}!`)).toBe(false);
  expect(matchPattern("^(a|aa)*$", `${"a".repeat(200)}!`)).toBe(false);
  expect(matchPattern("^a*a*a*a*a*a*b$", "a".repeat(20_000))).toBe(false);
});

test("a pattern that is none is refused", () => {
  expect(() => matchPattern("^(a$", "a")).toThrow();
  expect(() => matchPattern("^a{2}{3}(?=b)$", "a")).toThrow();
});
