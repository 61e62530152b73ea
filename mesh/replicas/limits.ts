/** Each bound of replicas on one store, with its unit and its reason. */

/** Milliseconds between looks at the others, and between signs of life of one's own. */
export const LOOK_MS = 150;

/** Milliseconds that lie between two looks which count: timers that were held up fire close together. */
export const LOOK_APART_MS_MIN = 140;

/** Looks in a row that find no sign of life, after which a replica is gone: 600 ms, so that its work goes on within a second. */
export const GONE_LOOKS = 4;

/**
 * Milliseconds after a sign of life for which a replica may rely on not having been declared gone: less than the others wait, so that
 * one which was stopped, or whose machine slept, finds out before it does anything.
 */
export const SURE_MS = 400;

/** Milliseconds after another process's commit at which one looks whether a lease has become free. */
export const NOTICE_MS = 5;
