import { expect, test } from "vitest";
import { stepIdOf } from "./step-id.ts";

test("the id of a step is a UUID of version 5, always the same for a saga's step and another for every other", () => {
  const id = stepIdOf("sag_1", "pay");
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(stepIdOf("sag_1", "pay")).toBe(id);
  // A release that made another one would charge again what an older one has asked for.
  expect(id).toBe("29312f14-5dd4-5b5c-9ed2-a74bd05626a1");
  expect(new Set([id, stepIdOf("sag_2", "pay"), stepIdOf("sag_1", "ship")]).size).toBe(3);
});
