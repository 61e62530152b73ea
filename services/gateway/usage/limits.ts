/** Days for which usage is kept: a quarter, so that what runs once a month, or at its end, is seen. */
export const KEPT_DAYS = 90;
/** Consumers that are known by name at once, and as many again of those that have proven to be services: callers choose names. */
export const CONSUMERS_MAX = 1_000;
/** Headers of callers whose consumer is remembered. */
export const HEADERS_KEPT_MAX = 2_000;
/** Rows that are written in one transaction: some 10 ms of work. */
export const ROWS_PER_WRITE = 500;
/** Elements whose deprecation is remembered; contracts have far fewer. */
export const DEPRECATIONS_MAX = 10_000;
export const DAY_MS = 86_400_000;
