/** Each bound of admission, with its unit and its reason. */

/**
 * Milliseconds that a turn of the event loop may take, and what has come meanwhile may wait, before too much is begun in it. Late
 * is better than shed: pauses of the collector, and of machines that are shared, stay below.
 */
export const TOLERATED_MS_MIN = 100;

/** Milliseconds beyond which turns are too long, also where they always are: each hop of a call waits that long. */
export const TOLERATED_MS_MAX = 400;

/** Milliseconds after which nothing more begins in a turn that follows a long one: overload grows from turn to turn. */
export const TURN_MS_MAX = 1_000;

/** The same after a short one: a burst is over by itself, and most deadlines are longer. */
export const BURST_MS_MAX = 5_000;

/** How many times as long as it does without load a turn may take (the tolerance of Netflix's Gradient2 is 1.5). */
export const TOLERANCE = 2;

/** The part of the baseline that one calm window replaces: a minute of calm is what it remembers. */
export const BASELINE_WEIGHT = 0.005;

/** Milliseconds between two judgements: a single pause is shorter. */
export const WINDOW_MS = 300;

/** Long turns that make an overload: one, or two, may be pauses. */
export const LONG_TURNS_MIN = 3;

/** The part of a window that long turns must have taken: less, and there were moments in which nobody waited. */
export const LONG_SHARE_MIN = 0.75;

/** Overloaded windows in a row before anything is shed: two pauses may meet in one. */
export const OVERLOADS_MIN = 2;

/** Calls that may always begin in one turn: where so few make it long, shedding is no help. */
export const BEGUN_MIN = 8;

/** Calls that may begin in one turn at most: as many as a gateway sends one instance at once. */
export const BEGUN_MAX = 16_384;

/** The most that one judgement takes away (Gradient2 has the same): what is measured is the past. */
export const GRADIENT_MIN = 0.5;

/** Milliseconds of a turn behind which nobody waits to speak of: another round is not worth its cost for being measured. */
export const SHORT_TURN_MS = 10;

/** Calls between two looks at the clock within a turn. */
export const CALLS_PER_LOOK = 16;

/** Milliseconds from one reckoning of shares to the next: long enough that most callers have called in it. */
export const SHARES_MS = 100;

/** The part of what can begin that is shared out: with all of it, chance would fill every other turn before its end. */
export const SHARED_PART = 0.95;

/** Callers that are told apart under overload, in each priority, at some 200 bytes each; those beyond share one account. */
export const ACCOUNTS_MAX = 10_000;

/** Milliseconds after which a call that was shed may be tried again, on average; each is told another time, from half to one and a half. */
export const RETRY_DELAY_MS = 1_000;

/** Milliseconds from one line in the log about calls that were shed to the next. */
export const TOLD_EVERY_MS = 1_000;
