import { expect, test } from "vitest";
import { FakeStream } from "../testing/fake-stream.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { ErrorCode } from "../wire/index.ts";
import { discardBody } from "./discard-body.ts";

const RESET = ["reset", ErrorCode.NO_ERROR];

test("a peer that ends its request in time is not reset", async () => {
  const { timers, advance, pending } = fakeTime();
  const stream = new FakeStream();
  stream.sendData(new Uint8Array(), true);
  discardBody(stream, timers);
  stream.data("rest");
  stream.data("of it", true);
  await advance(1_000);
  expect(stream.consumed).toBe(9);
  expect(stream.sent).toHaveLength(1);
  expect(pending()).toBe(0);
});

test("a peer that goes on is stopped, once the answer has left", async () => {
  const { timers, advance } = fakeTime();
  const stream = new FakeStream();
  stream.isBlocked = true;
  stream.sendData(Buffer.from("answer"), true);
  discardBody(stream, timers);
  await advance(1_000);
  expect(stream.sent).toHaveLength(1);
  stream.drain();
  await advance(100);
  expect(stream.sent.at(-1)).toEqual(RESET);
});

test("a peer that sends much is stopped by that alone", () => {
  const { timers, pending } = fakeTime();
  const stream = new FakeStream();
  discardBody(stream, timers);
  for (let i = 0; i < 1_024; i++) stream.data("x".repeat(1_024));
  expect(stream.sent).toEqual([]);
  stream.data("one more");
  expect(stream.sent).toEqual([RESET]);
  expect(pending()).toBe(0);
});
