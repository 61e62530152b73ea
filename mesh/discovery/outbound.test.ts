import { expect, test } from "vitest";
import { createOutbound } from "./outbound.ts";

const read = async (messages: AsyncIterable<number>) => {
  const all: number[] = [];
  for await (const message of messages) all.push(message);
  return all;
};

test("what was pushed is read in order, before and after the reader came", async () => {
  const outbound = createOutbound<number>();
  outbound.push(1);
  outbound.push(2);
  const reader = outbound.messages[Symbol.asyncIterator]();
  expect(await reader.next()).toEqual({ done: false, value: 1 });
  expect(await reader.next()).toEqual({ done: false, value: 2 });
  const third = reader.next();
  outbound.push(3);
  expect(await third).toEqual({ done: false, value: 3 });
});

test("an end lets what is queued be read, and drops what comes later", async () => {
  const outbound = createOutbound<number>();
  outbound.push(1);
  outbound.end();
  outbound.push(2);
  expect(await read(outbound.messages)).toEqual([1]);
});

test("an end wakes a reader that waits", async () => {
  const outbound = createOutbound<number>();
  const all = read(outbound.messages);
  await Promise.resolve();
  outbound.end();
  expect(await all).toEqual([]);
});
