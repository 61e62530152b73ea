/** Each bound on what a peer may ask of a server, with its unit and its reason. */
export interface RpcLimits {
  /** Bytes of one request or reply message, after decompression: what a handler may have to hold at once. */
  readonly messageBytesMax: number;
  /** Streams that one HTTP/2 connection may have open: what one peer may keep busy. */
  readonly streamsPerConnectionMax: number;
  /** Megabytes that one connection of `node:http2` may hold: our own engine bounds what it holds piece by piece (`WireLimits`). */
  readonly sessionMegabytesMax: number;
  /** Open connections: file descriptors are shared by all peers. */
  readonly connectionsMax: number;
  /** Bytes of all headers of one request (RFC 9113, SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly headerListBytesMax: number;
  /** Milliseconds until a new connection must have shown which protocol it speaks: a silent one costs a descriptor. */
  readonly prefaceTimeoutMs: number;
  /**
   * Milliseconds until a request must be whole, but for those of gRPC calls with a deadline, which bounds them too, and for streams of
   * requests over HTTP/2: a slow sender holds a connection (slowloris) and what it has sent so far.
   */
  readonly requestTimeoutMs: number;
  /** Milliseconds without a stream after which an HTTP/2 connection is closed: it holds a descriptor for nothing. */
  readonly idleTimeoutMs: number;
  /** Milliseconds that a call may take where its contract says nothing. */
  readonly callTimeoutMs: number;
}

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  messageBytesMax: 4 * 1024 * 1024,
  streamsPerConnectionMax: 1_000,
  sessionMegabytesMax: 128,
  connectionsMax: 10_000,
  headerListBytesMax: 64 * 1024,
  prefaceTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 15 * 60_000,
  callTimeoutMs: 30_000,
};
