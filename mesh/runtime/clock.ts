import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

/** The only source of time. */
export interface Clock {
  /** Milliseconds since the Unix epoch, as the wall clock says; may jump. */
  nowMs(): number;
  /** The wall clock as the message that contracts carry, in whole milliseconds. */
  now(): Timestamp;
  /** Milliseconds, with fractions, since an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
}

/** The clocks of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  now: () => timestampFromMs(Date.now()),
  monotonicMs: () => performance.now(),
};

/**
 * A clock that is read once for all that happens in one go, such as the frames of one read from a socket: for who asks it several
 * times for each of many calls. It may be behind by as long as that takes. The same for the same clock, however often it is asked for.
 */
export const clockOfTurns = (clock: Pick<Clock, "monotonicMs">): Pick<Clock, "monotonicMs"> => {
  const known = turns.get(clock);
  if (known !== undefined) return known;
  let readMs: number | undefined;
  const forget = () => {
    readMs = undefined;
  };
  const made = {
    monotonicMs() {
      if (readMs === undefined) {
        readMs = clock.monotonicMs();
        queueMicrotask(forget);
      }
      return readMs;
    },
  };
  turns.set(clock, made);
  return made;
};

const turns = new WeakMap<Pick<Clock, "monotonicMs">, Pick<Clock, "monotonicMs">>();
