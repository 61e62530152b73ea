import type { Duplex } from "node:stream";
import type { Clock, Timer, Timers } from "../runtime/index.ts";
import { DEFAULT_WIRE_LIMITS } from "../wire/index.ts";

/** How slowly a peer may take what is written to it. */
export type SlowReaderLimits = Pick<typeof DEFAULT_WIRE_LIMITS, "stallTimeoutMs" | "stallBytesMin">;

/** Milliseconds between looks, by which an end may come late. */
const PERIOD_MS = 1_000;

interface Watched {
  /** When it was last seen to be in time. */
  sinceMs: number;
  /** Bytes that it had taken by then. */
  takenBytes: number;
}

/**
 * Cuts HTTP/1.1 connections whose peer leaves the answer unread: less than `stallBytesMin` bytes of it taken in `stallTimeoutMs`
 * milliseconds while more waits. HTTP/2 has flow control and looks after that itself.
 */
export const cutSlowReaders = (
  { clock, timers }: { clock: Pick<Clock, "monotonicMs">; timers: Timers },
  limits: SlowReaderLimits = DEFAULT_WIRE_LIMITS,
): ((connection: Duplex) => void) => {
  const watched = new Map<Duplex, Watched>();
  let timer: Timer | undefined;

  const look = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [connection, state] of watched) {
      const waiting = connection.writableLength;
      const takenBytes = writtenTo(connection) - waiting;
      if (waiting === 0 || takenBytes - state.takenBytes >= limits.stallBytesMin) {
        state.sinceMs = nowMs;
        state.takenBytes = takenBytes;
      } else if (nowMs - state.sinceMs > limits.stallTimeoutMs) {
        connection.destroy();
      }
    }
  };

  return (connection) => {
    watched.set(connection, { sinceMs: clock.monotonicMs(), takenBytes: 0 });
    timer ??= timers.every(PERIOD_MS, look);
    connection.once("close", () => {
      watched.delete(connection);
      if (watched.size > 0) return;
      timer?.cancel();
      timer = undefined;
    });
  };
};

/** Bytes that were ever written to a socket, taken or not; 0 of what is none, which then must take all. */
const writtenTo = (connection: Duplex): number => ("bytesWritten" in connection ? Number(connection.bytesWritten) : 0);
