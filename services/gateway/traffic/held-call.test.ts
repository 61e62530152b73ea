import { FakeStream, fakeTime } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { HeldCall } from "./held-call.ts";

/** A call that is held for a second, and what its carrier then gets. */
const hold = () => {
  const time = fakeTime();
  const stream = new FakeStream();
  const got: string[] = [];
  const goOn = () => {
    got.push("taken over");
    stream.handler = {
      onHeaders() {},
      onData: (chunk, end) => got.push(`${Buffer.from(chunk).toString()}${end ? " end" : ""}`),
      onTrailers: (trailers) => got.push(`trailers ${trailers.get("x")}`),
      onReset() {},
      onDrain() {},
    };
  };
  new HeldCall(stream, 1_000, { timers: time.timers, goOn });
  return { time, stream, got };
};

test("a held call goes on when its time is up, with all that came meanwhile, and none of it was consumed", async () => {
  const { time, stream, got } = hold();
  stream.data("warp");
  await time.advance(999);
  stream.data("weft", true);
  expect([got, stream.consumed]).toEqual([[], 0]);
  await time.advance(1);
  expect(got).toEqual(["taken over", "warp", "weft end"]);
});

test("trailers of a request wait as well", async () => {
  const { time, stream, got } = hold();
  stream.handler.onTrailers(HeaderList.of({ x: "1" }));
  await time.advance(1_000);
  expect(got).toEqual(["taken over", "trailers 1"]);
});

test("a caller that leaves meanwhile ends it", async () => {
  const { time, stream, got } = hold();
  stream.breaks(8, "peer");
  await time.advance(1_000);
  expect(got).toEqual([]);
  expect(time.pending()).toBe(0);
});

test("what comes after an answer that nobody has taken over is let go", async () => {
  const time = fakeTime();
  const stream = new FakeStream();
  new HeldCall(stream, 1_000, { timers: time.timers, goOn: () => undefined });
  stream.data("warp");
  await time.advance(1_000);
  stream.data("weft", true);
  expect(stream.consumed).toBe(8);
});
