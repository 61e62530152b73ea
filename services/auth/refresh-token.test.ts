import { systemRandom } from "@heddle/mesh/runtime";
import { expect, test } from "vitest";
import {
  formatRefreshToken,
  hashRefreshToken,
  newRefreshToken,
  nextRefreshToken,
  parseRefreshToken,
} from "./refresh-token.ts";

test("the next token of a session has its family and another secret", () => {
  const first = newRefreshToken(systemRandom);
  const next = nextRefreshToken(first, systemRandom);
  expect(hashRefreshToken(next).familyHash).toEqual(hashRefreshToken(first).familyHash);
  expect(hashRefreshToken(next).secretHash).not.toEqual(hashRefreshToken(first).secretHash);
});

test("a token is read back as it was written, and nothing else is one", () => {
  const text = formatRefreshToken(newRefreshToken(systemRandom));
  expect(text).toMatch(/^[\w-]{86}$/);
  const parsed = parseRefreshToken(text);
  expect(parsed && formatRefreshToken(parsed)).toBe(text);
  for (const other of ["", "x", `${text}A`, `${text}=`, text.slice(1), ` ${text}`, text.replace(/.$/, "B")]) {
    expect(parseRefreshToken(other)).toBeUndefined();
  }
});
