import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../runtime/index.ts";

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /** Moves wall clock and monotonic clock on by `ms` milliseconds. */
  advance(ms: number): void;
}

/** A clock that shows `startMs` milliseconds since the epoch. Default: 2026-01-01T00:00:00Z. */
export const fakeClock = (startMs = 1_767_225_600_000): FakeClock => {
  let elapsedMs = 0;
  return {
    nowMs: () => startMs + elapsedMs,
    now: () => timestampFromMs(startMs + elapsedMs),
    monotonicMs: () => elapsedMs,
    advance(ms) {
      elapsedMs += ms;
    },
  };
};
