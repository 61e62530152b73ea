import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { untilAborted } from "./until-aborted.ts";

test("work settles as it would, and leaves no listener", async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
  expect(await untilAborted(2, signal)).toBe(2);
  await expect(untilAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("work that is overtaken by its signal is given up, and its later failure disturbs nobody", async () => {
  const stop = new AbortController();
  const work = Promise.withResolvers<number>();
  const result = untilAborted(work.promise, stop.signal);
  stop.abort(new Error("enough"));
  await expect(result).rejects.toThrow("enough");
  work.reject(new Error("nobody hears this"));
  await expect(untilAborted(Promise.reject(new Error("nor this")), stop.signal)).rejects.toThrow("enough");
});
