import { expect, test } from "vitest";
import { fakeTime } from "./fake-time.ts";

test("what falls due fires in order, and what was called off does not", async () => {
  const time = fakeTime();
  const fired: string[] = [];
  time.timers.after(20, () => fired.push(`late at ${time.clock.monotonicMs()}`));
  time.timers.after(10, () => fired.push(`early at ${time.clock.monotonicMs()}`));
  time.timers.after(15, () => fired.push("never")).cancel();
  await time.advance(9);
  expect(fired).toEqual([]);
  await time.advance(100);
  expect(fired).toEqual(["early at 10", "late at 20"]);
  expect(time.clock.monotonicMs()).toBe(109);
});

test("a period fires as often as it fits", async () => {
  const time = fakeTime();
  let ticks = 0;
  const timer = time.timers.every(10, () => ticks++);
  await time.advance(35);
  expect(ticks).toBe(3);
  timer.cancel();
  expect(time.pending()).toBe(0);
});

test("a sleep that is started by another one still falls within the same advance", async () => {
  const time = fakeTime();
  let done = false;
  time.timers
    .sleep(10)
    .then(() => time.timers.sleep(10))
    .then(() => {
      done = true;
    });
  await time.advance(20);
  expect(done).toBe(true);
});

test("an aborted sleep leaves nothing behind", async () => {
  const time = fakeTime();
  const stop = new AbortController();
  const sleep = time.timers.sleep(10, stop.signal);
  stop.abort(new Error("enough"));
  await expect(sleep).rejects.toThrow("enough");
  expect(time.pending()).toBe(0);
});
