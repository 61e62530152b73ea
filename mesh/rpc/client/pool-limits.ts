/** What a pool may hold and how long it waits. Each bound names its unit and its reason. */
export interface PoolLimits {
  /** Connections to one address, beside those that drain (gRFC A105). Stops: a descriptor per call at a peer that allows few streams. */
  readonly connectionsMax: number;
  /** Calls that wait for a connection or a stream. Over it: refused at once. Stops: a queue that outlives every deadline. */
  readonly waitersMax: number;
  /** Milliseconds until a new connection must have shown its SETTINGS. */
  readonly connectTimeoutMs: number;
  /**
   * Attempts in a row that may fail before the next one has to wait. On one machine a refused connection costs microseconds,
   * and a service that restarts is back in a moment: it is to be found by the first call.
   */
  readonly promptAttempts: number;
  /**
   * Milliseconds from a failed attempt to the next, the first time and at most; it grows by 1.6 and is 20 % more or less (gRPC
   * Connection Backoff Protocol). That protocol's 1 s to 120 s are for the internet: a mesh that heals must be whole in seconds.
   */
  readonly backoffStartMs: number;
  readonly backoffMaxMs: number;
  /** Milliseconds between PINGs on a connection that carries calls: how long a dead peer goes unnoticed. */
  readonly pingIntervalMs: number;
  /** Milliseconds until a PING must be answered. */
  readonly pingTimeoutMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  connectionsMax: 8,
  waitersMax: 4_096,
  connectTimeoutMs: 5_000,
  promptAttempts: 2,
  backoffStartMs: 100,
  backoffMaxMs: 5_000,
  pingIntervalMs: 10_000,
  pingTimeoutMs: 5_000,
};
