/** What a client of the drill has counted. Plain data: clients in other languages write it as JSON. */
export interface Tally {
  /** Calls that have ended, streams among them, by method, such as `order.v1.OrderService/GetOrder`. */
  readonly calls: Record<string, number>;
  readonly failures: Record<string, Failure>;
  readonly streams: StreamCounts;
  /** Unary calls that were answered, by the milliseconds that they took; the last stands for all that took longer. */
  readonly latencies: number[];
}

/** Calls of one method that failed for one reason. */
export interface Failure {
  count: number;
  readonly method: string;
  readonly code: string;
  /** Of the error's ErrorInfo; empty where it has none. */
  readonly reason: string;
  /** That of the first. */
  readonly message: string;
  /** When the first was, in milliseconds since 1970: logs have the same clock. */
  readonly atMs: number;
}

/** Streams that are followed for the whole drill, each taken up where it ended. */
export interface StreamCounts {
  opened: number;
  /** Ended by an instance that went, and told so: `DRAINING`, `FEED_STOPPING`. */
  told: number;
  messages: number;
  /** Messages that were missing where a stream was taken up, or within one. */
  gaps: number;
  duplicates: number;
  /** Times that a service which has other replicas was said not to serve. */
  notServing: number;
}

/** Milliseconds of the longest latency that is told from longer ones. */
const LATENCY_MS_MAX = 10_000;

export const newTally = (): Tally => ({
  calls: {},
  failures: {},
  streams: { opened: 0, told: 0, messages: 0, gaps: 0, duplicates: 0, notServing: 0 },
  latencies: new Array<number>(LATENCY_MS_MAX + 1).fill(0),
});

export const countCall = (tally: Tally, method: string, tookMs: number | undefined): void => {
  tally.calls[method] = (tally.calls[method] ?? 0) + 1;
  if (tookMs === undefined) return;
  const slot = Math.min(LATENCY_MS_MAX, Math.max(0, Math.round(tookMs)));
  tally.latencies[slot] = (tally.latencies[slot] ?? 0) + 1;
};

export const countFailure = (tally: Tally, failure: Omit<Failure, "count">): void => {
  const key = `${failure.method} ${failure.code} ${failure.reason}`;
  const known = tally.failures[key];
  if (known === undefined) tally.failures[key] = { count: 1, ...failure };
  else known.count++;
};

/** What several clients have counted together. */
export const sumOf = (tallies: readonly Tally[]): Tally => {
  const sum = newTally();
  for (const { calls, failures, streams, latencies } of tallies) {
    for (const [method, count] of Object.entries(calls)) sum.calls[method] = (sum.calls[method] ?? 0) + count;
    for (const [key, failure] of Object.entries(failures)) {
      const known = sum.failures[key];
      if (known === undefined) sum.failures[key] = { ...failure };
      else known.count += failure.count;
    }
    for (const name of Object.keys(sum.streams) as (keyof StreamCounts)[]) sum.streams[name] += streams[name];
    latencies.forEach((count, slot) => {
      if (count > 0) sum.latencies[slot] = (sum.latencies[slot] ?? 0) + count;
    });
  }
  return sum;
};

export const callsOf = ({ calls }: Tally): number => Object.values(calls).reduce((sum, count) => sum + count, 0);

export const failedOf = ({ failures }: Tally): number =>
  Object.values(failures).reduce((sum, { count }) => sum + count, 0);

/** The milliseconds that a share of the unary calls took at most, 0.99 for the 99th percentile; 0 when there were none. */
export const latencyMs = ({ latencies }: Tally, share: number): number => {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [slot, count] of latencies.entries()) {
    seen += count;
    if (count > 0 && seen >= share * total) return slot;
  }
  return 0;
};
