import type { JsonValue } from "@bufbuild/protobuf";

/** How a stream of replies is written into one body. */
export interface StreamForm {
  readonly contentType: string;
  message(json: JsonValue): Uint8Array;
  /** The last thing in a body; `status` is a google.rpc.Status. */
  error(status: JsonValue): Uint8Array;
  /** What ends a body when all went well; undefined: nothing. */
  readonly end: Uint8Array | undefined;
  /** What tells readers and proxies that the stream lives while it has nothing to say; undefined: nothing can. */
  readonly keepAlive: Uint8Array | undefined;
}

/**
 * The form that a header `accept` asks for: server-sent events where it names `text/event-stream`, otherwise a line of JSON for
 * each message.
 */
export const streamFormFor = (accept: string | undefined): StreamForm => (wantsEvents(accept ?? "") ? EVENTS : LINES);

const wantsEvents = (accept: string): boolean =>
  accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "text/event-stream" && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** In the envelopes of grpc-gateway: a message is never taken for an error, whatever its fields are called. */
const LINES: StreamForm = {
  contentType: "application/x-ndjson",
  message: (result) => bytesOf(`${JSON.stringify({ result })}\n`),
  error: (error) => bytesOf(`${JSON.stringify({ error })}\n`),
  end: undefined,
  keepAlive: undefined,
};

/** By HTML's section on server-sent events. JSON has no line break of its own, so that an event is one line. */
const EVENTS: StreamForm = {
  contentType: "text/event-stream",
  message: (json) => bytesOf(`data: ${JSON.stringify(json)}\n\n`),
  error: (status) => bytesOf(`event: error\ndata: ${JSON.stringify(status)}\n\n`),
  // A browser would call again when a stream just ends.
  end: bytesOf("event: end\ndata: {}\n\n"),
  keepAlive: bytesOf(": keep-alive\n\n"),
};
