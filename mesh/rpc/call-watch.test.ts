import { expect, test } from "vitest";
import { fakeTime } from "../testing/fake-time.ts";
import { CallWatch } from "./call-watch.ts";
import type { ServedCall } from "./served-call.ts";

/** A call as far as a watch sees it; it ends when it is told to, as real ones do. */
class WatchedCall {
  readonly reasons: unknown[] = [];
  readonly deadlineMs: number | undefined;
  readonly endsAtDrain: boolean;
  readonly compiled = { late: () => "late" };
  timer: ServedCall["timer"] = undefined;
  ended = false;
  readonly #watch: CallWatch;

  constructor(watch: CallWatch, options: { deadlineMs?: number; endsAtDrain?: boolean } = {}) {
    this.#watch = watch;
    this.deadlineMs = options.deadlineMs;
    this.endsAtDrain = options.endsAtDrain ?? false;
    watch.enter(this.served);
  }

  get served(): ServedCall {
    return this as unknown as ServedCall;
  }

  abort(reason: unknown): void {
    this.reasons.push(reason);
    this.end();
  }

  end(): void {
    this.ended = true;
    this.#watch.leave(this.served, 0);
  }
}

const start = () => {
  const time = fakeTime();
  return { time, watch: new CallWatch(time) };
};

/** Until the turn in which the calls began is over. */
const turn = (time: ReturnType<typeof fakeTime>) => time.advance(0);

test("a call that is answered in the turn in which it began arms no timer", async () => {
  const { time, watch } = start();
  const call = new WatchedCall(watch, { deadlineMs: 100 });
  call.end();
  await turn(time);
  expect(call.timer).toBeUndefined();
  expect(time.pending()).toBe(0);
  await time.advance(1_000);
  expect(call.reasons).toEqual([]);
});

test("a call that outlives its turn is ended by its deadline, no sooner", async () => {
  const { time, watch } = start();
  const call = new WatchedCall(watch, { deadlineMs: 100 });
  await turn(time);
  await time.advance(99);
  expect(call.reasons).toEqual([]);
  await time.advance(1);
  expect(call.reasons).toEqual(["late"]);
  expect(time.pending()).toBe(0);
});

test("a call whose deadline passed within its turn is ended at once", async () => {
  const { time, watch } = start();
  const call = new WatchedCall(watch, { deadlineMs: 100 });
  time.clock.advance(500);
  await turn(time);
  await time.advance(1);
  expect(call.reasons).toEqual(["late"]);
});

test("a call that ends before its deadline leaves no timer", async () => {
  const { time, watch } = start();
  const call = new WatchedCall(watch, { deadlineMs: 100 });
  await turn(time);
  expect(time.pending()).toBe(1);
  call.end();
  expect(time.pending()).toBe(0);
  watch.cut("cut");
  await time.advance(1_000);
  expect(call.reasons).toEqual([]);
});

test("a call without a deadline has no timer, and is ended by a cut", async () => {
  const { time, watch } = start();
  const call = new WatchedCall(watch);
  await turn(time);
  expect(time.pending()).toBe(0);
  watch.cut("cut");
  expect(call.reasons).toEqual(["cut"]);
});

test("a drain ends streams, old and new, and spares the others", async () => {
  const { time, watch } = start();
  const [oldStream, oldUnary] = [true, false].map(
    (endsAtDrain) => new WatchedCall(watch, { endsAtDrain, deadlineMs: 100 }),
  );
  await turn(time);
  const [newStream, newUnary] = [true, false].map(
    (endsAtDrain) => new WatchedCall(watch, { endsAtDrain, deadlineMs: 100 }),
  );
  watch.drain("drain");
  expect([oldStream, newStream].map((call) => call?.reasons)).toEqual([["drain"], ["drain"]]);
  await turn(time);
  expect([oldUnary, newUnary].map((call) => call?.reasons)).toEqual([[], []]);
  await time.advance(100);
  expect([oldUnary, newUnary].map((call) => call?.reasons)).toEqual([["late"], ["late"]]);
});

test("a stream that begins after the drain may answer within its turn, and is ended then", async () => {
  const { time, watch } = start();
  watch.drain("drain");
  const answered = new WatchedCall(watch, { endsAtDrain: true });
  const stream = new WatchedCall(watch, { endsAtDrain: true, deadlineMs: 100 });
  const unary = new WatchedCall(watch, { deadlineMs: 100 });
  answered.end();
  await turn(time);
  expect([answered.reasons, stream.reasons, unary.reasons]).toEqual([[], ["drain"], []]);
  expect(time.pending()).toBe(1);
});

test("a cut ends every call, those of this turn as well, and each once", async () => {
  const { time, watch } = start();
  const old = [true, false].map((endsAtDrain) => new WatchedCall(watch, { endsAtDrain, deadlineMs: 100 }));
  await turn(time);
  const fresh = [true, false].map((endsAtDrain) => new WatchedCall(watch, { endsAtDrain, deadlineMs: 100 }));
  watch.cut("cut");
  await turn(time);
  watch.cut("again");
  for (const call of [...old, ...fresh]) expect(call.reasons).toEqual(["cut"]);
  expect(time.pending()).toBe(0);
});
