/** Each bound of the sagas of a service, with its unit and its reason. */

/** Steps of one saga, as the contract of `heddle.saga.v1.Saga` says. */
export const STEPS_MAX = 32;

/** Sagas that run at a time in one process: beyond it they wait in their rows, where they cost nothing. */
export const RUNNING_MAX = 1_024;

/** Sagas beside those that run that one look for due ones takes up. */
export const DUE_READ_MAX = 256;

/** Milliseconds between looks for sagas that are due: after a restart, a long wait, or a start whose commit was slow. */
export const LOOK_PERIOD_MS = 1_000;

/** Milliseconds after a commit, that of another process too, at which one looks for what has become due or has ended by it. */
export const TOLD_MS = 10;

/** Milliseconds after its start at which a saga is due, unless it runs by then: whoever started it is about to run it. */
export const START_GRACE_MS = 1_000;

/**
 * Milliseconds after which a saga that its transaction's owner does not run is taken up: longer than a commit and its answer take, so
 * that a call which runs its own is first.
 */
export const START_SOON_MS = 100;

/** Milliseconds that a saga which has ended can still be read: longer than anybody asks what became of an order. */
export const SAGA_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** Milliseconds between sweeps of sagas that are kept no longer. */
export const SWEEP_PERIOD_MS = 60 * 60_000;

/** Rows that one step of a sweep looks at and one transaction deletes, so that callers' writes are never long in waiting. */
export const SWEEP_ROWS = 100;

/**
 * Milliseconds that a saga which is written while it runs is left alone by other processes on the same store, unless the one that runs it
 * is gone: then it is due at once. After that one of them takes it up, which is safe: the row's revision tells the first that it has lost it.
 */
export const TAKEN_MS = 30_000;

/** Milliseconds that a saga waits in memory for its next attempt; a longer wait is written down, with what went wrong. */
export const WAIT_IN_MEMORY_MS = 1_000;

/** Milliseconds that one attempt may take where its step does not say. */
export const ATTEMPT_MS = 5_000;

/** Milliseconds before the second attempt at most; doubled for each further one. */
export const BACKOFF_START_MS = 200;

/** Milliseconds between two attempts at most. */
export const BACKOFF_MAX_MS = 60_000;

/**
 * Failed attempts in a row after which a compensation, or an action that may not be given up, is parked: with their waits about a
 * quarter of an hour, longer than a restart of anything.
 */
export const PARK_ATTEMPTS = 40;

/** Characters of a step's last error, as the contract says. */
export const ERROR_CHARS_MAX = 500;

/** Bytes of what a saga begins with, as JSON: it is written with every step. */
export const STATE_BYTES_MAX = 16 * 1024;
