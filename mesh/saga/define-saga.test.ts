import { describe, expect, test } from "vitest";
import { defineSaga, type SagaDefinition } from "./define-saga.ts";

const nothing = async () => undefined;
const good: SagaDefinition = { name: "buy", version: 1, timeoutMs: 1_000, steps: [{ name: "pay", action: nothing }] };

test("a definition that is declared cannot be changed", () => {
  expect(Object.isFrozen(defineSaga(good))).toBe(true);
});

describe("a shape that cannot run is refused, with what to write instead", () => {
  const refund = { name: "refund", run: async () => undefined };
  test.each<[string, Partial<SagaDefinition>, string]>([
    ["a name with capitals", { name: "Buy" }, "lower-case words with dashes"],
    ["a name that is too long", { name: "a".repeat(64) }, "at most 63"],
    ["version 0", { version: 0 }, "1, 2, …"],
    ["no time", { timeoutMs: 0 }, "how long it may last"],
    ["no steps", { steps: [] }, "0 steps: 1 to 32"],
    [
      "too many steps",
      { steps: Array.from({ length: 33 }, (_, i) => ({ name: `s${i}`, action: nothing })) },
      "33 steps",
    ],
    ["two steps of a name", { steps: [...good.steps, ...good.steps] }, 'two steps "pay"'],
    ["a step that does nothing", { steps: [{ name: "pay" }] }, "give it an action or a commit"],
    ["a step by another name", { steps: [{ name: "pay it", action: nothing }] }, "lower-case words"],
    [
      "a compensation without an action",
      { steps: [{ name: "pay", commit: nothing, compensation: refund }] },
      "has no action",
    ],
    ["no attempts", { steps: [{ name: "pay", action: nothing, attemptsMax: 0 }] }, "attemptsMax is 1 or more"],
  ])("%s", (_, change, message) => {
    expect(() => defineSaga({ ...good, ...change })).toThrow(TypeError);
    expect(() => defineSaga({ ...good, ...change })).toThrow(message);
  });
});
