import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";

/**
 * Fields that HTTP wants beside the status of an error, name and value in turn: when to try again, in whole seconds (RFC 9110,
 * 10.2.3), and what to be authenticated by, which a 401 must say (RFC 9110, 15.5.2; RFC 6750, 3).
 */
export const httpErrorFields = (error: ConnectError): string[] => {
  const fields: string[] = [];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) fields.push("retry-after", String(Math.ceil(durationMs(delay) / 1_000)));
  if (error.code === Code.Unauthenticated) {
    const wasToken = error.findDetails(ErrorInfoSchema)[0]?.reason.startsWith("TOKEN_") === true;
    fields.push("www-authenticate", wasToken ? 'Bearer error="invalid_token"' : "Bearer");
  }
  return fields;
};
