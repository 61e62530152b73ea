import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, type ResetCause } from "../../wire/index.ts";
import { resetError } from "../reset-error.ts";
import { AcquireError } from "./connection-pool.ts";

/** The error of a stream that ended before its trailers (gRPC over HTTP/2, Errors). */
export const streamError = (code: number, cause: ResetCause): ConnectError => {
  if (cause === "connection") return new ConnectError("the connection was lost", Code.Unavailable);
  if (cause === "unprocessed") return new ConnectError("the peer refused the call before it began", Code.Unavailable);
  // We give up on a peer that does not take what it is sent.
  if (cause === "local" && code === ErrorCode.CANCEL)
    return new ConnectError("the peer takes nothing any more", Code.Unavailable);
  return resetError(code, cause);
};

/**
 * The same for a call whose deadline is over: a server that keeps the same deadline may be the first to notice, and says so by
 * CANCEL.
 */
export const lateStreamError = (code: number, cause: ResetCause): ConnectError =>
  cause === "peer" && code === ErrorCode.CANCEL ? deadlineError() : streamError(code, cause);

/** The error of a call for which no session was to be had. */
export const acquireError = (error: unknown): ConnectError => {
  if (!(error instanceof AcquireError)) return ConnectError.from(error, Code.Canceled);
  const code = error.reason === "exhausted" ? Code.ResourceExhausted : Code.Unavailable;
  return new ConnectError(error.message, code, undefined, undefined, error);
};

/** The error of a call whose signal has aborted. */
export const abortError = (reason: unknown): ConnectError => ConnectError.from(reason, Code.Canceled);

export const deadlineError = (): ConnectError => new ConnectError("the operation timed out", Code.DeadlineExceeded);

/** INTERNAL as in grpc-go, and as the conformance suite wants it; Connect's own clients say INVALID_ARGUMENT. */
export const incompleteMessage = (): ConnectError =>
  new ConnectError("protocol error: the response ends within a message", Code.Internal);

export const missingStatus = (): ConnectError => new ConnectError("protocol error: missing status", Code.Internal);

export const unexpectedCompression = (): ConnectError =>
  new ConnectError("protocol error: a message is compressed, by what nobody said", Code.Internal);
