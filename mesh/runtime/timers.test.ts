import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { systemTimers } from "./timers.ts";

test("a timer fires once, and not when it was called off", async () => {
  let fired = 0;
  systemTimers.after(1, () => fired++);
  systemTimers.after(1, () => fired++).cancel();
  await systemTimers.sleep(20);
  expect(fired).toBe(1);
});

test("a period fires until it is called off", async () => {
  let fired = 0;
  await new Promise<void>((resolve) => {
    const timer = systemTimers.every(1, () => {
      fired++;
      if (fired < 3) return;
      timer.cancel();
      resolve();
    });
  });
  await systemTimers.sleep(10);
  expect(fired).toBe(3);
});

test("a sleep ends when its signal aborts, with the signal's reason", async () => {
  const stop = new AbortController();
  const sleep = systemTimers.sleep(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await expect(sleep).rejects.toThrow("enough");
});

test("a sleep with a signal that has aborted does not begin", async () => {
  await expect(systemTimers.sleep(60_000, AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
});

test("a sleep leaves no listener on its signal", async () => {
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 10 }, () => systemTimers.sleep(1, signal)));
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a delay beyond what the event loop can count does not fire at once", async () => {
  let fired = 0;
  const timers = [
    systemTimers.after(2 ** 31, () => fired++),
    systemTimers.after(Number.MAX_SAFE_INTEGER, () => fired++),
    systemTimers.every(2 ** 40, () => fired++),
  ];
  const stop = new AbortController();
  systemTimers.sleep(2 ** 35, stop.signal).then(
    () => fired++,
    () => undefined,
  );
  await systemTimers.sleep(30);
  for (const timer of timers) timer.cancel();
  stop.abort();
  expect(fired).toBe(0);
});
