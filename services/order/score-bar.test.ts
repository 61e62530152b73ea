import { expect, test } from "vitest";
import { scoreBar } from "./score-bar.ts";

test.each([
  [1n, 300],
  [10_000n, 300],
  [10_001n, 540],
  [100_000n, 540],
  [100_001n, 600],
  [500_000n, 600],
  [500_001n, 670],
  [2_500_000n, 670],
  [2_500_001n, 740],
  [10n ** 15n, 740],
])("a total of %s minor units asks for a score of %s", (total, score) => {
  expect(scoreBar(total)).toBe(score);
});
