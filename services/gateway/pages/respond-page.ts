import { compressGzip, discardBody } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import { ErrorCode, HeaderList, type HttpStream, IGNORE } from "@heddle/mesh/wire";

/** An answer that is whole, other than an RPC's. */
export interface Page {
  /** Default: 200. */
  readonly status?: number;
  /** Further fields, name and value in turn. */
  readonly fields?: readonly string[];
  /** The media type of the body; text is UTF-8. */
  readonly type?: string;
  /** Default: none. */
  readonly body?: Uint8Array;
  /** The body in gzip, where that is kept; default: it is compressed for each answer. */
  readonly compressed?: Uint8Array;
}

/** Bytes from which compressing is worth its time, as in RPC. */
export const COMPRESSED_BYTES_MIN = 1_024;

/**
 * Answers a request with a page: compressed where the caller takes gzip and it is worth it, and without its body for HEAD. What
 * the caller still sends is dropped.
 */
export const respondPage = (stream: HttpStream, headers: HeaderList, page: Page, timers: Timers): void => {
  const { status = 200, fields = [], type, body, compressed: kept } = page;
  stream.handler = IGNORE;
  const send = (bytes: Uint8Array | undefined, encoding: readonly string[]) => {
    const head = [":status", String(status), ...(type === undefined ? [] : ["content-type", withCharset(type)])];
    const length = bytes === undefined ? [] : ["content-length", String(bytes.length)];
    const hasBody = bytes !== undefined && bytes.length > 0 && headers.get(":method") !== "HEAD";
    stream.sendHeaders(new HeaderList([...head, ...fields, ...encoding, ...length]), undefined, !hasBody);
    if (hasBody) stream.sendData(bytes, true);
    discardBody(stream, timers);
  };
  if (body === undefined || body.length < COMPRESSED_BYTES_MIN) {
    send(body, []);
  } else if (!takesGzip(headers)) {
    send(body, ["vary", "accept-encoding"]);
  } else {
    const compressed = (bytes: Uint8Array) => send(bytes, ["content-encoding", "gzip", "vary", "accept-encoding"]);
    const bytes = kept ?? compressGzip(body);
    if (bytes instanceof Promise) bytes.then(compressed, () => stream.reset(ErrorCode.INTERNAL_ERROR));
    else compressed(bytes);
  }
};

/** Whether a caller takes an answer in gzip (RFC 9110, 12.5.3). */
export const takesGzip = ({ fields }: HeaderList): boolean => {
  let any = false;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== "accept-encoding") continue;
    for (const coding of (fields[index + 1] as string).toLowerCase().split(",")) {
      const [name = "", ...parameters] = coding.split(";").map((part) => part.trim());
      const isTaken = !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
      if (name === "gzip" || name === "x-gzip") return isTaken;
      if (name === "*") any = isTaken;
    }
  }
  return any;
};

const withCharset = (type: string): string => (type.startsWith("text/") ? `${type}; charset=utf-8` : type);
