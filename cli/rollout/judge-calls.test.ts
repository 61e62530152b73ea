import { expect, test } from "vitest";
import { judgeCalls } from "./judge-calls.ts";

const OLD = { calls: 1_000, failures: 0 };

test("a version that fails a tenth of its calls, where the old one fails none, is not fit", () => {
  expect(judgeCalls({ calls: 100, failures: 10 }, OLD)).toBe(
    "10 of its 100 calls failed, of the old version's 0 of 1000",
  );
});

test("a version that fails up to one call in twenty goes on", () => {
  expect(judgeCalls({ calls: 100, failures: 5 }, OLD)).toBeUndefined();
});

test("one or two failures may be chance; three of four calls, before the balancer turns away, are not", () => {
  expect(judgeCalls({ calls: 2, failures: 2 }, OLD)).toBeUndefined();
  expect(judgeCalls({ calls: 4, failures: 3 }, OLD)).toBeDefined();
});

test("what fails the old version as well is not the new one's fault", () => {
  expect(judgeCalls({ calls: 100, failures: 40 }, { calls: 100, failures: 35 })).toBeUndefined();
  expect(judgeCalls({ calls: 100, failures: 80 }, { calls: 100, failures: 35 })).toBeDefined();
});

test("a version without an old one beside it is judged by itself", () => {
  expect(judgeCalls({ calls: 100, failures: 6 }, { calls: 0, failures: 0 })).toBeDefined();
});
