import { expect, test } from "vitest";
import { callsOf } from "./cpu-profile.ts";
import { type CallNode, sumCalls } from "./profile-tree.ts";

const node = (functionName: string, amount: number, ...callees: CallNode[]): CallNode => ({
  callFrame: { functionName, url: "node:test", lineNumber: 0 },
  amount,
  callees,
});

test("a function that calls itself is counted once in its total", () => {
  const { all, self, total } = sumCalls(node("outer", 1, node("again", 2, node("again", 3))));
  expect(all).toBe(6);
  expect(self).toEqual([
    ["again  node:test:1", 5],
    ["outer  node:test:1", 1],
  ]);
  expect(total).toEqual([
    ["outer  node:test:1", 6],
    ["again  node:test:1", 5],
  ]);
});

test("time in which the process waited is not counted", () => {
  expect(sumCalls(node("work", 1, node("(idle)", 9))).all).toBe(1);
});

test("of a profile only the window counts, and a sample stands for the time until the next one", () => {
  const { callFrame } = node("work", 0);
  const profile = {
    nodes: [
      { id: 1, callFrame, children: [2] },
      { id: 2, callFrame },
    ],
    startTime: 100,
    samples: [2, 2, 1, 2],
    timeDeltas: [0, 10, 20, 40],
  };
  const calls = callsOf(profile, [105, 140]);
  expect(calls.amount).toBe(40);
  expect(calls.callees.map(({ amount }) => amount)).toEqual([20]);
});
