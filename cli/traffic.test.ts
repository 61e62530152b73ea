import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { parseHeaderMatch, parsePercent } from "./traffic.ts";

test("a share is a number of 100 calls, with or without its sign", () => {
  expect(["5", "0.5", "100", "12.25%"].map(parsePercent)).toEqual([5, 0.5, 100, 12.25]);
  for (const text of ["0", "101", "-1", "5 %", "x", ""]) expect(() => parsePercent(text)).toThrow(InvalidArgumentError);
});

test("a header is a name and a value, which may hold what names may not", () => {
  expect(parseHeaderMatch("X-Canary=1")).toEqual({ name: "x-canary", value: "1" });
  expect(parseHeaderMatch("x-canary=a=b:c")).toEqual({ name: "x-canary", value: "a=b:c" });
  for (const text of ["x-canary", "x-canary=", "=1", "x canary=1"]) {
    expect(() => parseHeaderMatch(text)).toThrow(InvalidArgumentError);
  }
});
