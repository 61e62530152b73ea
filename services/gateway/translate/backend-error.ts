import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { commonReasons, describeError, fail } from "@heddle/mesh/contract";
import { ANSWER_UNREADABLE } from "../errors.ts";
import { unreachable } from "../routing/try-later.ts";

/**
 * What a failed call is answered with: the instance's own error as it came, and for what went wrong on the way to it an error
 * with its reason. `signal`: what the caller ends the call by.
 */
export const backendError = (thrown: unknown, method: DescMethod, signal: AbortSignal | undefined): ConnectError => {
  const error = ConnectError.from(thrown, Code.Internal);
  if (error.isWireError || error.details.length > 0) return error;
  const { typeName: service, file } = method.parent;
  const domain = file.proto.package;
  const options = { cause: error };
  switch (error.code) {
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
      return describeError(error, domain) ?? error;
    case Code.Canceled:
    case Code.Unavailable:
      if (signal?.aborted) return fail(commonReasons(domain).CANCELLED, {}, options);
      return unreachable(service, error);
    default:
      return fail(ANSWER_UNREADABLE, { service, problem: error.rawMessage }, options);
  }
};
