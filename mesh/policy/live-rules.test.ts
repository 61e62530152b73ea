import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { RuleSchema } from "@heddle/contracts/heddle/traffic/v1";
import { expect, test } from "vitest";
import { fakeTime } from "../testing/index.ts";
import { liveRules } from "./live-rules.ts";

const rule = (id: string, expireMs?: number) =>
  create(RuleSchema, { id, ...(expireMs === undefined ? {} : { expireTime: timestampFromMs(expireMs) }) });

test("rules end by themselves, each at its time, and whoever watches is told", async () => {
  const time = fakeTime();
  const startMs = time.clock.nowMs();
  const live = liveRules(time);
  const seen: string[][] = [];
  live.watch(() => seen.push(live.list().map(({ id }) => id)));
  live.replace([rule("always"), rule("late", startMs + 2_000), rule("soon", startMs + 1_000), rule("over", startMs)]);
  await time.advance(3_000);
  expect(seen).toEqual([["always", "late", "soon"], ["always", "late"], ["always"]]);
  expect(live.version).toBe(3);
  expect(time.pending()).toBe(0);
});

test("what takes the place of rules ends at its own time", async () => {
  const time = fakeTime();
  const live = liveRules(time);
  live.replace([rule("soon", time.clock.nowMs() + 1_000)]);
  live.replace([rule("late", time.clock.nowMs() + 5_000)]);
  await time.advance(2_000);
  expect(live.list().map(({ id }) => id)).toEqual(["late"]);
  expect(live.rules.isEmpty).toBe(false);
  await time.advance(3_000);
  expect(live.rules.isEmpty).toBe(true);
});

test("nothing is waited for after the stop", () => {
  const time = fakeTime();
  const live = liveRules(time);
  live.replace([rule("soon", time.clock.nowMs() + 1_000)]);
  live.stop();
  expect(time.pending()).toBe(0);
});
