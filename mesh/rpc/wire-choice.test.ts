import { expect, test } from "vitest";
import { wireFromEnvironment } from "./wire-choice.ts";

test("the wire is Heddle's own unless the environment asks for the reference", () => {
  expect(wireFromEnvironment({})).toBe("heddle");
  expect(wireFromEnvironment({ HEDDLE_WIRE: "" })).toBe("heddle");
  expect(wireFromEnvironment({ HEDDLE_WIRE: "heddle" })).toBe("heddle");
  expect(wireFromEnvironment({ HEDDLE_WIRE: "node" })).toBe("node");
});

test.each(["http2", "Node"])("%j is refused with what to write instead", (HEDDLE_WIRE) => {
  expect(() => wireFromEnvironment({ HEDDLE_WIRE })).toThrow(/write heddle, which is the default, or node/);
});
