/** Each bound of events, with its unit and its reason. */

/** Events of one message of a feed, as the contract says. */
export const BATCH_EVENTS_MAX = 1_000;

/** Bytes of the events of one message, but for one that is larger: several of them wait in a process at a time. */
export const BATCH_BYTES_MAX = 1024 * 1024;

/** Streams of one feed: each is a connection's room, and one reader more of the tail. */
export const SUBSCRIBERS_MAX = 1_000;

/** The newest events, which all subscribers that keep up are given from one read. */
export const TAIL_EVENTS_MAX = 2_000;
export const TAIL_BYTES_MAX = 4 * 1024 * 1024;

/** Milliseconds without a message after which a feed says that it lives. */
export const HEARTBEAT_MS = 2_000;

/** Milliseconds between looks at the file that nobody has asked for: one that failed is made up for. */
export const FEED_POLL_MS = 1_000;

/** Event types that one subscription asks for, as the contract says. */
export const TYPES_MAX = 64;

/** Events that a subscriber holds decoded while a transaction is on its way to the disk. */
export const RECEIVED_EVENTS_MAX = 4_000;
export const RECEIVED_BYTES_MAX = 4 * 1024 * 1024;

/** Events that one transaction applies, but for a message that has more: nothing else is served meanwhile. */
export const APPLY_EVENTS_MAX = 1_000;

/** Events that a cursor may lag behind what was passed over: a restart reads them again, and an idle one writes nothing. */
export const CURSOR_LAG_MAX = 1_000;

/** Events of an inbox that are prepared at a time, each of another key: so many calls to others run at once. */
export const PREPARES_MAX = 32;

/** Milliseconds that `prepare` gets: longer than any call to another service. */
export const PREPARE_TIMEOUT_MS = 30_000;

/** Events of an inbox that may wait; the feed is not read further beyond. */
export const INBOX_WAITING_MAX = 1_000;

/** Milliseconds between looks at an inbox into which another replica may have put something. */
export const INBOX_POLL_MS = 5_000;

/** Dead letters of a subscription; with more, it is not an event that is wrong but the handler, and the subscription stops. */
export const DEAD_LETTERS_MAX = 10_000;

/** Attempts that an event gets before it is a dead letter. */
export const ATTEMPTS_MAX = 6;

/** The same where it fails because another service is not there, which passes: about an hour. */
export const ATTEMPTS_WHILE_AWAY_MAX = 120;

/** Milliseconds between attempts: the first wait, and the longest. */
export const ATTEMPT_WAIT_MS_MIN = 100;
export const ATTEMPT_WAIT_MS_MAX = 30_000;

/** Milliseconds between tries to reach a feed: the first wait, and the longest. */
export const RECONNECT_MS_MIN = 50;
export const RECONNECT_MS_MAX = 2_000;

/** Milliseconds between looks whether a feed that diverged is whole again. */
export const DIVERGED_RETRY_MS = 10_000;

/** Milliseconds that a replica stands by after another one has moved the cursor. */
export const STANDBY_MS = 3_000;

/** Milliseconds that a feed may be silent before its silence counts as lag: a heartbeat and half. */
export const SILENCE_MS_MAX = 3_000;

/** Milliseconds of silence after which the stream is begun anew: another replica may answer. */
export const SILENT_STREAM_MS_MAX = 10_000;

/** Milliseconds of lag that are an alarm, and between looks: together less than the five seconds that are promised. */
export const LAG_ALARM_MS = 4_000;
export const LAG_LOOK_MS = 500;

/** Rows that one transaction deletes of a generation that nobody reads. */
export const DROP_ROWS_MAX = 500;

/** Dead letters that one transaction skips. */
export const SKIP_ROWS_MAX = 500;

/** Characters of an error that are kept. */
export const ERROR_CHARS_MAX = 1_024;

/** Characters of an event's content that are shown. */
export const CONTENT_CHARS_MAX = 4_096;

/** Subscriptions of one page, as the contract says. */
export const SUBSCRIPTION_PAGES = { defaultSize: 100, maxSize: 1_000 };

/** Dead letters of one page, as the contract says. */
export const DEAD_LETTER_PAGES = { defaultSize: 50, maxSize: 500 };

/** Milliseconds between looks whether another replica has begun or ended a rebuild. */
export const RECONCILE_MS = 5_000;

/** Milliseconds after which a call about subscriptions may be tried again that came while they changed hands. */
export const UNHELD_RETRY_MS = 200;
