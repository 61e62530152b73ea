import { expect, test } from "vitest";
import { verdicts } from "./goals.ts";

const row = (name: string, ours: number, peers: Record<string, number> = {}) => ({
  name,
  ours,
  unit: "KB each",
  peers,
});

test("a goal against a peer is judged by the ratio", () => {
  expect(verdicts(row("client", 60_000, { "grpc-js": 10_000, "connect-node": 5_000 }))).toEqual([
    "at least 6 x grpc-js: 6 met",
    "at least 15 x connect-node: 12 missed",
  ]);
});

test("a goal without a peer is judged in the row's own unit", () => {
  expect(verdicts(row("idle-connections", 20.1))).toEqual(["at most 20 KB each: 20.1 missed"]);
});

test("a peer that was not measured leaves its goal missed", () => {
  expect(verdicts(row("streaming", 1))).toEqual(["at least 5 x grpc-js: NaN missed"]);
});
