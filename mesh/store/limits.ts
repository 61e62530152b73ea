/** Each bound of the store, with its unit and its reason. */

/** Write jobs that wait for the one writer: more than this is a wait that no deadline survives. */
export const WRITE_JOBS_WAITING_MAX = 1_024;

/** Milliseconds that the oldest write job may have waited when another one comes: a disk so slow is not asked for more. */
export const WRITE_WAIT_MS_MAX = 1_000;

/** Write jobs of one transaction, which other processes wait for. */
export const JOBS_PER_BATCH_MAX = 256;

/** Milliseconds that the jobs of a batch run before sockets are served again. */
export const BATCH_SLICE_MS_MAX = 0.2;

/**
 * Batches that are run with savepoints after one in which a job failed that had written: such failures come in rows, and a batch that
 * is run again costs twice.
 */
export const GUARDED_BATCHES = 64;

/**
 * Bytes by which the write-ahead log grows from one checkpoint to the next, made beside the event loop: more at a time, and the file system
 * holds up commits for as long as it takes to write them.
 */
export const WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024;

/** Bytes in the write-ahead log at which it starts over: SQLite syncs its first page then, on the event loop. */
export const WAL_RESTART_BYTES = 64 * 1024 * 1024;

/** Batches between two looks at how full the write-ahead log is. */
export const BATCHES_PER_WAL_CHECK = 16;

/** Milliseconds that a checkpoint waits for readers, with writes held back, before it gives up until the log has grown again. */
export const CHECKPOINT_WAIT_MS = 100;

/** Milliseconds after which the thread that makes checkpoints is ended: it holds some MB. */
export const CHECKPOINT_THREAD_IDLE_MS = 5_000;

/** Read jobs that wait for a connection. */
export const READ_JOBS_WAITING_MAX = 1_024;

/** Read-only connections, opened as needed: each holds descriptors and a page cache. */
export const READ_CONNECTIONS_MAX = 4;

/** Prepared statements of one connection; a service that needs more makes its statements anew for every call. */
export const STATEMENTS_PER_CONNECTION_MAX = 512;

/** Bytes of one event: subscribers read events in batches, and a message on the wire may have 4 MiB. */
export const EVENT_PAYLOAD_BYTES_MAX = 1024 * 1024;

/** Milliseconds that a batch waits for the writes of other processes, and a read for another's recovery of the file. */
export const LOCK_WAIT_MS = 2_000;

/** Milliseconds between two tries to take the write lock, drawn from this range so that those who wait do not try in step. */
export const LOCK_TRY_MS_MIN = 1;
export const LOCK_TRY_MS_MAX = 3;

/** Milliseconds at most that a process which shares its file leaves the write lock free after it has held it: others try more often. */
export const LOCK_FREE_MS_MAX = 10;

/** Milliseconds after a write to the log at which one looks again for its commit, which can be seen a moment later. */
export const WATCH_AGAIN_MS = [1, 4, 20];

/** Milliseconds between looks for commits of others where the system does not tell of writes, and where it does and may have failed to. */
export const WATCH_POLL_MS = 10;
export const WATCH_SLOW_POLL_MS = 1_000;

/** Bytes of a database that is checked before it is served, which takes about a second; a larger one is checked meanwhile. */
export const START_CHECK_BYTES_MAX = 256 * 1024 * 1024;

/** Milliseconds that a start waits while another process migrates the same file. */
export const START_LOCK_WAIT_MS = 30_000;

/** Milliseconds after which a refused job may be tried again. */
export const RETRY_DELAY_MS = 100;

/** Milliseconds that the reply to a request id is kept at least: longer than any client retries. */
export const REPLY_KEPT_MS = 7 * 24 * 60 * 60 * 1_000;

/** Recorded replies that one job deletes, so that a sweep never holds up those that share its batch for long. */
export const REPLY_SWEEP_ROWS = 100;

/** Events that one read returns at most. */
export const EVENTS_READ_MAX = 1_000;

/** KiB of page cache of one connection: eight services with five connections each share one machine's memory. */
export const PAGE_CACHE_KIB = 4_096;

/** Bytes that the write-ahead log keeps on disk after a checkpoint emptied it. */
export const WAL_BYTES_KEPT_MAX = 128 * 1024 * 1024;

/** Characters of an event's key, as the contract of `heddle.events.v1.Event` says. */
export const EVENT_KEY_CHARACTERS_MAX = 255;
