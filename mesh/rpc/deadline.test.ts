import { getEventListeners } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { fakeTime } from "../testing/fake-time.ts";
import { startDeadline, untilAborted } from "./deadline.ts";

const late = () => new ConnectError("late", Code.DeadlineExceeded);

test("a deadline aborts when its time has passed, with the error to answer with", async () => {
  const time = fakeTime();
  const deadline = startDeadline(50, late, new AbortController().signal, time);
  expect(deadline.atMs).toBe(50);
  await time.advance(49);
  expect(deadline.signal.aborted).toBe(false);
  await time.advance(1);
  expect(deadline.signal.reason).toMatchObject({ code: Code.DeadlineExceeded });
});

test("a deadline ends with its parent, for the parent's reason", () => {
  const time = fakeTime();
  const parent = new AbortController();
  const deadline = startDeadline(50, late, parent.signal, time);
  parent.abort(new Error("gone"));
  expect(deadline.signal.reason).toMatchObject({ message: "gone" });
});

test("a deadline of a parent that has ended is over at once", () => {
  const deadline = startDeadline(50, late, AbortSignal.abort(new Error("gone")), fakeTime());
  expect(deadline.signal.reason).toMatchObject({ message: "gone" });
});

test("a deadline that is cleared leaves neither timer nor listener, and ends what still runs", () => {
  const time = fakeTime();
  const parent = new AbortController();
  const deadline = startDeadline(50, late, parent.signal, time);
  deadline.clear();
  expect(time.pending()).toBe(0);
  expect(getEventListeners(parent.signal, "abort")).toEqual([]);
  expect(deadline.signal.reason).toMatchObject({ code: Code.Canceled });
});

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
