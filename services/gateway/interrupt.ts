import type { Writable } from "node:stream";
import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { HttpResponse } from "@heddle/mesh/rpc";

/**
 * Ends a response that has begun with an error, where its protocol has a place for one: gRPC in trailers, gRPC-Web and Connect
 * streams in a last envelope. False where it has none, as with a unary body; then the response can only be reset.
 */
export const interrupt = (
  response: HttpResponse,
  { contentType, body, error }: { contentType: string; body: Writable; error: ConnectError },
): boolean => {
  if (contentType.startsWith("application/grpc-web")) {
    body.end(encodeEnvelope(trailerFlag, trailerSerialize(setTrailerStatus(new Headers(), error))));
    return true;
  }
  if (contentType.startsWith("application/grpc") && "stream" in response) {
    response.addTrailers(Object.fromEntries(setTrailerStatus(new Headers(), error)));
    body.end();
    return true;
  }
  if (contentType.startsWith("application/connect+")) {
    body.end(
      encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined)))),
    );
    return true;
  }
  return false;
};
