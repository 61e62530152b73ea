/** Bytes of a request that is looked at: what is longer is data, and takes longer to walk through than a call may cost. */
export const SAMPLE_BYTES_MAX = 16 * 1024;
/** Messages within each other that are looked into. */
export const SAMPLE_DEPTH_MAX = 8;
/** Calls of one consumer to one method between two drains that are all looked at, so that whoever calls seldom is seen whole. */
export const SAMPLES_WHOLE = 8;
/** Of the calls beyond these, one in so many is looked at. */
export const SAMPLE_EVERY = 64;
/** Requests that are looked at between two drains: at most some 10 ms of work. */
export const SAMPLES_MAX = 200;
/** Consumers of one method that are told apart; those beyond count as one. */
export const CONSUMERS_PER_METHOD_MAX = 100;
/** Reasons for which calls of one consumer to one method are refused; those beyond count as one. */
export const REASONS_MAX = 16;
/** Milliseconds between two drains: what a crash may lose. */
export const DRAIN_PERIOD_MS = 2_000;
