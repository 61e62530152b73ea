import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, errorCodeName } from "../wire/index.ts";

/** The error that a reset of a stream stands for (gRPC over HTTP/2, Errors). */
export const resetError = (code: number): ConnectError =>
  new ConnectError(`the stream was reset: ${errorCodeName(code)}`, RESET_CODES.get(code) ?? Code.Internal);

const RESET_CODES: ReadonlyMap<number, Code> = new Map<number, Code>([
  [ErrorCode.REFUSED_STREAM, Code.Unavailable],
  [ErrorCode.CANCEL, Code.Canceled],
  [ErrorCode.ENHANCE_YOUR_CALM, Code.ResourceExhausted],
  [ErrorCode.INADEQUATE_SECURITY, Code.PermissionDenied],
]);
