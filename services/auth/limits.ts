/** Each bound of the service, with its unit and its reason. */

/** Milliseconds that an access token is good for. It cannot be called back, so Logout takes this long at most to bite. */
export const ACCESS_TOKEN_LIFE_MS = 10 * 60_000;

/** Milliseconds that a refresh token is good for: a session that nobody refreshes for so long ends. */
export const REFRESH_TOKEN_LIFE_MS = 30 * 24 * 60 * 60_000;

/** Open sessions of one user; one more closes the one that was not refreshed for the longest time. */
export const SESSIONS_PER_USER_MAX = 10;

/** Passwords that are hashed at once: each takes 19 MiB and a thread of the four that files and names need too. */
export const HASHES_RUNNING_MAX = 2;

/** Calls that wait for one of these: about two seconds of work, well within the deadline of the call. */
export const HASHES_WAITING_MAX = 64;

/** Milliseconds after which a call that found no place to wait may be tried again. */
export const HASHES_RETRY_DELAY_MS = 1_000;

/** Failed sign-ins in a row with one e-mail address: more than a person who tries all passwords they know needs. */
export const LOGIN_FAILURES_MAX = 10;

/** Milliseconds since the last failure after which failures are forgotten; until then, past the maximum, nobody gets in. */
export const LOGIN_FAILURES_WINDOW_MS = 15 * 60_000;

/** Milliseconds for which one key signs. */
export const KEY_SIGNS_MS = 7 * 24 * 60 * 60_000;

/** Milliseconds before its first signature at which a key is made and published. */
export const KEY_AHEAD_MS = 24 * 60 * 60_000;

/** The same for a key that is made late, after a standstill: longer than anybody caches the published keys (60 s). */
export const KEY_AHEAD_MIN_MS = 5 * 60_000;

/** Milliseconds that a key stays published beyond the end of its last token: clocks of verifiers differ. */
export const KEY_SKEW_MS = 60_000;

/** Milliseconds between looks at what is due: keys, expired sessions, forgotten failures. */
export const HOUSEKEEPING_PERIOD_MS = 60 * 60_000;

/** Rows that one transaction sweeps, so that it never holds the writer for long. */
export const SWEEP_ROWS = 500;
