import type { Timers } from "../runtime/index.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";

/** A clock and timers that stand still until they are told to go on, together. */
export interface FakeTime {
  readonly clock: FakeClock;
  readonly timers: Timers;
  /** Goes on by `ms` milliseconds; what falls due on the way fires in order, each with what it sets off behind it. */
  advance(ms: number): Promise<void>;
  /** Waits that have neither fired nor been called off. */
  pending(): number;
}

interface Wait {
  readonly fire: () => void;
  readonly periodMs: number | undefined;
  dueMs: number;
}

/**
 * Time in a test's hands.
 *
 * @example
 * const time = fakeTime();
 * const service = await startTestService(customer, { runtime: { ...systemRuntime(), ...time } });
 * await time.advance(15_000);
 */
export const fakeTime = (startMs?: number): FakeTime => {
  const clock = fakeClock(startMs);
  const waits = new Set<Wait>();
  const wait = (delayMs: number, fire: () => void, periodMs?: number) => {
    const entry: Wait = { fire, periodMs, dueMs: clock.monotonicMs() + Math.max(delayMs, 1) };
    waits.add(entry);
    return { cancel: () => void waits.delete(entry) };
  };
  const next = (untilMs: number): Wait | undefined =>
    [...waits].filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
  return {
    clock,
    timers: {
      after: (delayMs, fire) => wait(delayMs, fire),
      every: (periodMs, fire) => wait(periodMs, fire, periodMs),
      // A turn takes no time.
      afterTurn: (fire) => void setImmediate(fire),
      sleep: (delayMs, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) {
            reject(signal.reason);
            return;
          }
          const stop = () => {
            timer.cancel();
            reject(signal?.reason);
          };
          const timer = wait(delayMs, () => {
            signal?.removeEventListener("abort", stop);
            resolve();
          });
          signal?.addEventListener("abort", stop, { once: true });
        }),
    },
    async advance(ms) {
      const untilMs = clock.monotonicMs() + ms;
      await settled();
      for (let due = next(untilMs); due !== undefined; due = next(untilMs)) {
        clock.advance(Math.max(0, due.dueMs - clock.monotonicMs()));
        if (due.periodMs === undefined) waits.delete(due);
        else due.dueMs += due.periodMs;
        due.fire();
        await settled();
      }
      clock.advance(untilMs - clock.monotonicMs());
    },
    pending: () => waits.size,
  };
};

/** Lets everything run that waits for nothing but its turn. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
