import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonFault } from "./json-position.ts";

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test("what JSON.parse takes has no fault, and what it refuses has one", () => {
  const almost = fc.tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom("", ",", "}", "]", '"', "\\", ":", " ", "0", "\n", "\u0001", "e"),
  );
  fc.assert(
    fc.property(almost, ([json, at, put]) => {
      const place = at % (json.length + 1);
      for (const text of [
        json,
        json.slice(0, place) + put + json.slice(place),
        json.slice(0, place) + put + json.slice(place + 1),
      ])
        expect(jsonFault(text) === undefined, text).toBe(isJson(text));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['{"a":}', 1, 6],
  ['{"a":1,\n "b":tru}', 2, 6],
  ['["a\nb"]', 1, 4],
  ['["\\x"]', 1, 3],
  ["", 1, 1],
  ["1 2", 1, 3],
])("%j breaks at line %i, column %i", (text, line, column) => {
  expect(jsonFault(text)).toEqual({ line, column });
});

test("neither length nor depth is too much", () => {
  const million = 1_000_000;
  expect(jsonFault("[".repeat(million))).toEqual({ line: 1, column: million + 1 });
  expect(jsonFault(`["${'\\"'.repeat(million)}"]`)).toBeUndefined();
  expect(jsonFault("[".repeat(million) + "]".repeat(million))).toBeUndefined();
});
