import type { Clock } from "../runtime/index.ts";

/** How often something may happen. */
export interface RateLimit {
  /** In the long run; more than 0. */
  readonly callsPerSecond: number;
  /** Calls at once after a pause, at least 1. */
  readonly burst: number;
}

/** The calls of one caller to one method. */
export interface Rated {
  /** Counts a call in and returns 0; or counts nothing and returns the milliseconds until there is room for one. */
  take(): number;
}

/** Bounds how often each key may call: in any time of t seconds at most `burst` + t × `callsPerSecond` calls pass. */
export interface RateLimiter {
  /** The bucket of a key. To be kept by whoever calls often: it stays right when the limiter has forgotten it. */
  of(key: string, limit: RateLimit): Rated;
  /** Buckets that are remembered. */
  readonly size: number;
}

export interface RateLimiterOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Buckets that are remembered: callers without an identity can come from many addresses. */
  readonly bucketsMax: number;
}

/** Buckets that are looked at when one has to go. */
const LOOKS = 16;

export const rateLimiter = ({ clock, bucketsMax }: RateLimiterOptions): RateLimiter => {
  const buckets = new Map<string, Bucket>();

  /** Makes room: of those longest unseen, all that are full, which nobody can tell from new ones; else the fullest. */
  const forget = (nowMs: number): void => {
    let fullest: [string, Bucket] | undefined;
    const looked: [string, Bucket][] = [];
    for (const entry of buckets) {
      looked.push(entry);
      if (looked.length === LOOKS) break;
    }
    let dropped = 0;
    for (const entry of looked) {
      const [key, bucket] = entry;
      buckets.delete(key);
      if (bucket.emptyMs(nowMs) === 0) {
        bucket.isForgotten = true;
        dropped++;
        continue;
      }
      // Next time others are looked at.
      buckets.set(key, bucket);
      if (fullest === undefined || bucket.emptyMs(nowMs) < fullest[1].emptyMs(nowMs)) fullest = entry;
    }
    if (dropped > 0 || fullest === undefined) return;
    buckets.delete(fullest[0]);
    fullest[1].isForgotten = true;
  };

  const bucketOf = (key: string, limit: RateLimit): Bucket => {
    const known = buckets.get(key);
    if (known?.isFor(limit)) return known;
    if (known === undefined && buckets.size >= bucketsMax) forget(clock.monotonicMs());
    const made = new Bucket(limit);
    buckets.set(key, made);
    return made;
  };

  return {
    of(key, limit) {
      let bucket = bucketOf(key, limit);
      return {
        take() {
          // Otherwise who holds on to a forgotten bucket would have two.
          if (bucket.isForgotten) bucket = bucketOf(key, limit);
          return bucket.take(clock.monotonicMs());
        },
      };
    },
    get size() {
      return buckets.size;
    },
  };
};

/** A token bucket as one number, the generic cell rate algorithm (ITU-T I.371): when the bucket will be full again. */
class Bucket {
  isForgotten = false;
  readonly #limit: RateLimit;
  readonly #callMs: number;
  readonly #burstMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.#callMs = 1_000 / limit.callsPerSecond;
    this.#burstMs = this.#callMs * Math.max(1, limit.burst);
  }

  isFor({ callsPerSecond, burst }: RateLimit): boolean {
    return this.#limit.callsPerSecond === callsPerSecond && this.#limit.burst === burst;
  }

  /** Milliseconds until it is full. */
  emptyMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs);
  }

  take(nowMs: number): number {
    const fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#callMs;
    const waitMs = fullAtMs - nowMs - this.#burstMs;
    if (waitMs > ROUNDING_MS) return waitMs;
    this.#fullAtMs = fullAtMs;
    return 0;
  }
}

/** Milliseconds by which sums of fractions may be off: a caller that waits as long as it was told gets through. */
const ROUNDING_MS = 1e-6;
