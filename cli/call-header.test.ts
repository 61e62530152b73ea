import { expect, test } from "vitest";
import { addHeader } from "./call-header.ts";

test("headers add up, and a value may hold colons", () => {
  const headers = addHeader("x-tag: b", addHeader("x-tag: a", addHeader("authorization: Bearer a:b")));
  expect([...headers]).toEqual([
    ["authorization", "Bearer a:b"],
    ["x-tag", "a, b"],
  ]);
});

test.each([
  ["no-colon", "has no colon"],
  ["grpc-timeout: 1S", "is set by the protocol"],
  ["Content-Type: text/plain", "is set by the protocol"],
  ["a b: c", "characters"],
  [": c", "has no colon"],
])("%s is refused", (text, problem) => {
  expect(() => addHeader(text)).toThrow(problem);
});
