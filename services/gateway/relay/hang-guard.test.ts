import { fakeTime } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { type Guarded, HangGuard } from "./hang-guard.ts";

const start = () => {
  const time = fakeTime();
  const guard = new HangGuard(time.timers);
  const expired: string[] = [];
  const guarded = (name: string): Guarded => ({ guard: undefined, expire: () => expired.push(name) });
  return { time, guard, expired, guarded };
};

test("what is not over in time expires, once, not before and a little after", async () => {
  const { time, guard, expired, guarded } = start();
  guard.watch(guarded("long"), 1_000);
  await time.advance(550);
  guard.watch(guarded("short"), 250);
  await time.advance(249);
  expect(expired).toEqual([]);
  await time.advance(201);
  expect(expired).toEqual(["short"]);
  await time.advance(200);
  expect(expired).toEqual(["short", "long"]);
  await time.advance(10_000);
  expect(expired).toHaveLength(2);
});

test("what is over does not, and no timer runs for nothing", async () => {
  const { time, guard, expired, guarded } = start();
  const all = ["a", "b", "c"].map(guarded);
  for (const each of all) guard.watch(each, 500);
  for (const each of [...all, ...all]) guard.forget(each);
  await time.advance(100);
  expect(time.pending()).toBe(0);
  guard.watch(guarded("later"), 500);
  await time.advance(1_000);
  expect(expired).toEqual(["later"]);
});

test("a new time replaces the old one", async () => {
  const { time, guard, expired, guarded } = start();
  const [sooner, later] = [guarded("sooner"), guarded("later")];
  guard.watch(sooner, 5_000);
  guard.watch(sooner, 100);
  guard.watch(later, 100);
  guard.watch(later, 5_000);
  await time.advance(1_000);
  expect(expired).toEqual(["sooner"]);
});

test("those that expire may end others and begin new ones", async () => {
  const { time, guard, expired, guarded } = start();
  const other = guarded("other");
  const first: Guarded = {
    guard: undefined,
    expire() {
      expired.push("first");
      guard.forget(other);
      guard.watch(first, 100);
    },
  };
  guard.watch(first, 100);
  guard.watch(other, 100);
  await time.advance(200);
  expect(expired).toEqual(["first"]);
  await time.advance(200);
  expect(expired).toEqual(["first", "first"]);
});
