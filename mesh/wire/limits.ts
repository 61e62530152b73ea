/** What one peer may make this process hold or do. Each bound names its unit, its reason and the attack that it stops. */
export interface WireLimits {
  /** Streams that a peer may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS). Stops: one peer taking all. */
  readonly concurrentStreamsMax: number;
  /** Bytes of one header list, uncompressed, 32 per field added (RFC 9113, 6.5.2). Over it: 431 or a stream reset. Stops: HPACK bombs. */
  readonly headerListBytesMax: number;
  /** Bytes of one header block, compressed. Over it the connection ends. Stops: CONTINUATION flood (CVE-2024-27316). */
  readonly headerBlockBytesMax: number;
  /** CONTINUATION frames of one header block. Stops: a flood of tiny or empty ones (CVE-2024-27983, CVE-2024-28182). */
  readonly continuationFramesMax: number;
  /** Bytes of the table that the peer's encoder may fill (SETTINGS_HEADER_TABLE_SIZE). */
  readonly headerTableBytes: number;
  /** Bytes of one frame's payload that a peer may send (SETTINGS_MAX_FRAME_SIZE). Stops: one frame that is buffered for ever. */
  readonly frameBytesMax: number;
  /** Bytes that a peer may send on one stream before the application has taken them (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly streamWindowBytes: number;
  /** The same for all streams of a connection together; given back on arrival, so that one stalled stream holds up no other. */
  readonly connectionWindowBytes: number;
  /** Bytes of a connection that the application has not taken above which its window is given back only as they are. Stops: many streams that nobody reads. */
  readonly unreadBytesMax: number;
  /**
   * Streams that may end early, by the peer's RST_STREAM or by ours for the peer's fault: at once, and per second ever after.
   * Stops: Rapid Reset (CVE-2023-44487), MadeYouReset (CVE-2025-8671).
   */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /** SETTINGS, PING and PRIORITY frames and unknown ones: at once, and per second ever after. Stops: floods that cost answers (CVE-2019-9512, -9515). */
  readonly controlFramesBurst: number;
  readonly controlFramesPerSecond: number;
  /** WINDOW_UPDATE frames beyond two for each DATA frame that we sent and each stream opened, at once and per second. Stops: their flood. */
  readonly windowUpdatesBurst: number;
  readonly windowUpdatesPerSecond: number;
  /**
   * DATA frames of fewer than 5 bytes that do not end their stream, at once and per second: no gRPC message needs one.
   * Stops: empty frames (CVE-2019-9518) and fragmentation byte by byte (CVE-2026-84304).
   */
  readonly tinyDataFramesBurst: number;
  readonly tinyDataFramesPerSecond: number;
  /** Bytes of control frames and headers that wait for a peer that does not read. Over it the connection ends. Stops: slow readers (CVE-2019-9517). */
  readonly outputBytesMax: number;
  /** Bytes of bodies queued on all streams of a connection, waiting for the peer's windows. Over it the newest stream is reset. */
  readonly queuedBytesMax: number;
  /** The same, output and queues, for all connections of the process. Over it connections that wait are ended. */
  readonly processBytesMax: number;
  /** Bytes queued on one stream above which its sender is told to wait. */
  readonly streamQueueBytes: number;
  /** Milliseconds in which a begun preface, frame or header block must be complete. Stops: slow writers (slowloris). */
  readonly incompleteFrameMs: number;
  /** Milliseconds in which our SETTINGS must be acknowledged (RFC 9113, 6.5.3). */
  readonly settingsTimeoutMs: number;
  /** Milliseconds that a peer may leave bytes unread while we have some for it: then stream or connection end. Stops: zero windows. */
  readonly stallTimeoutMs: number;
  /** Bytes of a stream's queue that a peer must have taken in that time, unless it is less. Stops: readers of a byte now and then. */
  readonly stallBytesMin: number;
  /** Milliseconds without a stream after which a connection is drained. */
  readonly idleTimeoutMs: number;
  /** Milliseconds after which a connection is drained, 10 % more or less, so that peers spread anew; 0 is never (gRFC A9). */
  readonly ageMaxMs: number;
}

/** How slowly a peer may take what is queued for it. */
export type StallLimits = Pick<WireLimits, "stallTimeoutMs" | "stallBytesMin">;

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_WIRE_LIMITS: WireLimits = {
  concurrentStreamsMax: 1_000,
  headerListBytesMax: 64 * KIB,
  headerBlockBytesMax: 64 * KIB,
  continuationFramesMax: 32,
  headerTableBytes: 4 * KIB,
  frameBytesMax: 16 * KIB,
  streamWindowBytes: 256 * KIB,
  connectionWindowBytes: 4 * MIB,
  unreadBytesMax: 32 * MIB,
  resetsBurst: 1_000,
  resetsPerSecond: 500,
  controlFramesBurst: 1_000,
  controlFramesPerSecond: 100,
  windowUpdatesBurst: 10_000,
  windowUpdatesPerSecond: 1_000,
  tinyDataFramesBurst: 10_000,
  tinyDataFramesPerSecond: 1_000,
  outputBytesMax: 1 * MIB,
  queuedBytesMax: 64 * MIB,
  processBytesMax: 512 * MIB,
  streamQueueBytes: 64 * KIB,
  incompleteFrameMs: 30_000,
  settingsTimeoutMs: 30_000,
  stallTimeoutMs: 5 * 60_000,
  stallBytesMin: 16 * KIB,
  idleTimeoutMs: 15 * 60_000,
  ageMaxMs: 0,
};
