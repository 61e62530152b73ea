import { expect, test } from "vitest";
import { type Result, withRows } from "./results.ts";

const result = (workload: string, name: string, conditions: string): Result => ({
  workload,
  name,
  ours: 1,
  unit: "ms",
  peers: {},
  ratio: {},
  conditions,
});

test("a workload's rows take the place of those that it had, and the others stay", () => {
  const before = [
    result("client", "client", "Monday"),
    result("relay", "relay", "Monday"),
    result("relay", "relay-gone", "Monday"),
  ];
  const row = { name: "relay", ours: 3, unit: "us", peers: { nginx: 9, haproxy: 2 } };
  const after = withRows(before, { workload: "relay", conditions: "Tuesday", rows: [row] }, ["client", "relay"]);
  expect(after).toEqual([
    before[0],
    { workload: "relay", ...row, ratio: { nginx: 0.333, haproxy: 1.5 }, conditions: "Tuesday" },
  ]);
});

test("rows are in the order of the workloads, and those of none are dropped", () => {
  const before = [result("gone", "gone", "Monday"), result("relay", "relay", "Monday")];
  const rows = [{ name: "client", ours: 1, unit: "ms", peers: {} }];
  const after = withRows(before, { workload: "client", conditions: "Tuesday", rows }, ["client", "relay"]);
  expect(after.map(({ name }) => name)).toEqual(["client", "relay"]);
});

test("a peer that measured nothing has no ratio", () => {
  const row = { name: "client", ours: 3, unit: "ms", peers: { idle: 0, busy: 6 } };
  const [found] = withRows([], { workload: "client", conditions: "Tuesday", rows: [row] }, ["client"]);
  expect(found?.ratio).toEqual({ busy: 0.5 });
});
