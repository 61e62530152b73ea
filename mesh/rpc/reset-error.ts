import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, errorCodeName, type ResetCause } from "../wire/index.ts";

/** The error that a reset of a stream stands for (gRPC over HTTP/2, Errors). A caller whose connection is gone has left. */
export const resetError = (code: number, cause: ResetCause): ConnectError =>
  cause === "connection"
    ? new ConnectError("the caller's connection was lost", Code.Canceled)
    : new ConnectError(`the stream was reset: ${errorCodeName(code)}`, RESET_CODES.get(code) ?? Code.Internal);

const RESET_CODES: ReadonlyMap<number, Code> = new Map<number, Code>([
  [ErrorCode.REFUSED_STREAM, Code.Unavailable],
  [ErrorCode.CANCEL, Code.Canceled],
  [ErrorCode.ENHANCE_YOUR_CALM, Code.ResourceExhausted],
  [ErrorCode.INADEQUATE_SECURITY, Code.PermissionDenied],
]);
