import { fakeTime } from "@heddle/mesh/testing";
import { DEFAULT_WIRE_LIMITS, type HttpStream } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { PacedResets } from "./paced-resets.ts";

const { resetsBurst, resetsPerSecond } = DEFAULT_WIRE_LIMITS;

/** Streams that note when they are reset, and what of their body was taken. */
const streamsOf = (count: number) => {
  const codes: number[] = [];
  const taken: number[] = [];
  const streams = Array.from({ length: count }, () => {
    const stream = {
      closed: false,
      handler: undefined as HttpStream["handler"] | undefined,
      consume: (bytes: number) => void taken.push(bytes),
      reset(code: number) {
        stream.closed = true;
        codes.push(code);
      },
    };
    return stream as unknown as HttpStream & { closed: boolean };
  });
  return { streams, codes, taken };
};

test("a few resets go out at once", () => {
  const resets = new PacedResets(fakeTime());
  const { streams, codes } = streamsOf(10);
  for (const stream of streams) resets.reset(stream, 8);
  expect(codes).toEqual(Array(10).fill(8));
});

test("a crowd of resets never exceeds half of what an instance allows, and none is forgotten", async () => {
  const time = fakeTime();
  const resets = new PacedResets(time);
  const { streams, codes, taken } = streamsOf(resetsBurst * 2);
  for (const stream of streams) resets.reset(stream, 8);
  expect(codes).toHaveLength(resetsBurst / 2);
  streams.at(-1)?.handler.onData(Buffer.alloc(7), false);
  expect(taken).toEqual([7]);
  await time.advance(1_000);
  expect(codes.length).toBeLessThanOrEqual((resetsBurst + resetsPerSecond) / 2);
  await time.advance(((resetsBurst * 2) / resetsPerSecond) * 2_000);
  expect(codes).toHaveLength(streams.length);
  expect(resets.waiting).toBe(0);
  expect(time.pending()).toBe(0);
});

test("a stream that ends by itself while it waits costs no reset", async () => {
  const time = fakeTime();
  const resets = new PacedResets(time);
  const { streams, codes } = streamsOf(resetsBurst);
  for (const stream of streams) resets.reset(stream, 8);
  for (const stream of streams) (stream as { closed: boolean }).closed = true;
  await time.advance(100);
  expect(codes).toHaveLength(resetsBurst / 2);
  expect(resets.waiting).toBe(0);
});
