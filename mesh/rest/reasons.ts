import { Code } from "@connectrpc/connect";
import { reasons } from "../contract/fail.ts";

/** The domain of what REST itself has to say; the rest of a request is the business of its method's package. */
export const REST_DOMAIN = "heddle.rest";

const rest = reasons(REST_DOMAIN);

export const PATH_UNKNOWN = rest("PATH_UNKNOWN", Code.NotFound, "{path} does not exist here.");
export const PATH_UNKNOWN_BUT_NEAR = rest(
  "PATH_UNKNOWN",
  Code.NotFound,
  "{path} does not exist here; did you mean {nearest}?",
);
export const PATH_MALFORMED = rest(
  "PATH_MALFORMED",
  Code.InvalidArgument,
  "The path cannot be read: it is not percent-encoded UTF-8.",
);
export const VERB_NOT_ALLOWED = rest("VERB_NOT_ALLOWED", Code.Unimplemented, "{path} takes {allowed}, but not {verb}.");
export const MEDIA_TYPE_UNSUPPORTED = rest(
  "MEDIA_TYPE_UNSUPPORTED",
  Code.InvalidArgument,
  "{method} takes a body of content-type application/json in UTF-8, not {mediaType}.",
);
export const ENCODING_UNSUPPORTED = rest(
  "ENCODING_UNSUPPORTED",
  Code.InvalidArgument,
  "The body is taken with the content-encoding {supported}, not {encoding}.",
);
export const BODY_TOO_LARGE = rest(
  "BODY_TOO_LARGE",
  Code.ResourceExhausted,
  "The body is larger than the {limitBytes} bytes that are accepted.",
);
export const BODY_NOT_GZIP = rest(
  "BODY_NOT_GZIP",
  Code.InvalidArgument,
  "The body is not the gzip that its content-encoding says.",
);
export const STREAM_UNSUPPORTED = rest(
  "STREAM_UNSUPPORTED",
  Code.Unimplemented,
  "{method} takes a stream of messages, for which REST has no form. Call it by gRPC, or by Connect or gRPC-Web.",
);
