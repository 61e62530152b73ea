import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderList } from "../../wire/index.ts";
import { GRPC_STATUS, readStatus } from "../grpc-status.ts";

/** What a response's headers say of the call. */
export interface ResponseHead {
  /** The call failed already: not a gRPC response, or not one that can be read. Without metadata. */
  readonly wrong: ConnectError | undefined;
  /** An error status among the headers (gRPC over HTTP/2, Trailers-Only). */
  readonly status: ConnectError | undefined;
  /** There is a status among the headers, so that none is to come. */
  readonly hasStatus: boolean;
  /** Messages may be compressed by gzip. */
  readonly gzip: boolean;
}

/** Reads a response's headers. */
export const readHead = (headers: HeaderList, acceptGzip: boolean): ResponseHead => {
  const known = headers.memo;
  if (known === GOOD) return GOOD;
  const head = inspect(headers, acceptGzip);
  // The common head is known again by the list that the connection hands out for it; all others are looked at anew.
  if (head === GOOD && known === undefined) headers.memo = GOOD;
  return head;
};

/** An ordinary response that goes on with messages or trailers. */
const GOOD: ResponseHead = { wrong: undefined, status: undefined, hasStatus: false, gzip: false };

const inspect = (headers: HeaderList, acceptGzip: boolean): ResponseHead => {
  const status = headers.get(":status") ?? "";
  if (status !== "200") return { ...GOOD, wrong: new ConnectError(`HTTP ${status}`, codeOfHttpStatus(status)) };
  const contentType = headers.get("content-type");
  if (contentType === undefined || !CONTENT_TYPE.test(contentType))
    return { ...GOOD, wrong: new ConnectError(`unsupported content type ${contentType ?? null}`, Code.Unknown) };
  const encoding = headers.get("grpc-encoding")?.toLowerCase() ?? "identity";
  const gzip = encoding === "gzip" && acceptGzip;
  if (!gzip && encoding !== "identity")
    return { ...GOOD, wrong: new ConnectError(`unsupported response encoding "${encoding}"`, Code.Internal) };
  const hasStatus = headers.get(GRPC_STATUS) !== undefined;
  if (!hasStatus && !gzip) return GOOD;
  return { wrong: undefined, status: readStatus(headers) ?? undefined, hasStatus, gzip };
};

/** Also with parameters, and of other codecs that we could not read: the message's bytes decide. */
const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:\s*;.*)?$/i;

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
const codeOfHttpStatus = (status: string): Code => {
  switch (status) {
    case "400":
      return Code.Internal;
    case "401":
      return Code.Unauthenticated;
    case "403":
      return Code.PermissionDenied;
    case "404":
      return Code.Unimplemented;
    case "429":
    case "502":
    case "503":
    case "504":
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
};

/** How a call ended, by its trailers: null is OK, undefined says nothing. */
export const readTrailers = (trailers: HeaderList): ConnectError | null | undefined => {
  if (trailers.memo === OK) return null;
  const status = readStatus(trailers);
  if (status === null && trailers.memo === undefined) trailers.memo = OK;
  return status;
};

const OK = Symbol("grpc-status: 0");

/** The fields as `Headers`, without pseudo-headers. */
export const toHeaders = (...lists: readonly (HeaderList | undefined)[]): Headers => {
  const headers = new Headers();
  for (const list of lists) if (list !== undefined) appendTo(headers, list);
  return headers;
};

/** Adds the fields of `list` to `headers`. */
export const appendTo = (headers: Headers, { fields }: HeaderList): void => {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!name.startsWith(":")) headers.append(name, fields[index + 1] as string);
  }
};

/**
 * Gives an error the fields that came with it as its metadata, which are only looked at by some. `trailers`: those that its
 * status came with, be they all that there were (gRPC over HTTP/2, Trailers-Only).
 */
export const withMetadata = (error: ConnectError, trailers?: HeaderList, headersBefore?: HeaderList): ConnectError => {
  let headers: Headers | undefined;
  sections.set(error, { trailers, headers: headersBefore });
  return Object.defineProperty(error, "metadata", {
    configurable: true,
    enumerable: true,
    get: () => {
      headers ??= toHeaders(trailers, headersBefore);
      return headers;
    },
  });
};

const sections = new WeakMap<ConnectError, { readonly trailers?: HeaderList; readonly headers?: HeaderList }>();

/** The metadata that came with an error, each section by itself, for who passes it on; undefined for an error from elsewhere. */
export const sectionsOf = (
  error: ConnectError,
): { readonly header: Headers; readonly trailer: Headers } | undefined => {
  const found = sections.get(error);
  return found && { header: toHeaders(found.headers), trailer: toHeaders(found.trailers) };
};
