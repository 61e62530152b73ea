import { IDENTITY_HEADER } from "@heddle/mesh/identity";
import { PREVIOUS_ATTEMPTS, readPreviousAttempts } from "@heddle/mesh/policy";
import { CONSUMER_HEADER, formatGrpcTimeout, parseGrpcTimeout, WAY_BACK_MS } from "@heddle/mesh/rpc";
import { HeaderList } from "@heddle/mesh/wire";

/** What an instance is sent of a caller's headers. */
export interface ForwardedHeaders {
  /** What calls have in common: shared among all callers that send the same, so that it is compressed once. */
  readonly list: HeaderList;
  /** What tells callers and calls apart: name and value in turn. */
  readonly changing: readonly string[];
  /** The caller's trace, if it sent one. */
  readonly traceparent: string | undefined;
  /** The call has passed this gateway before. */
  readonly isLoop: boolean;
  /** Less of the caller's time is left than the way back takes. */
  readonly isLate: boolean;
  /** Times that the caller has sent the call before. */
  readonly previousAttempts: number;
}

/** Lists kept per target, and targets: callers differ in their user agent and their metadata. */
const VARIANTS_MAX = 4;
const TARGETS_MAX = 256;
/** Characters of a list that is kept: what is longer is no caller's everyday call, and callers choose it. */
const KEPT_CHARACTERS_MAX = 1_024;

/** `instanceId`: this gateway's own, which it adds to `via`. */
export const createForwarder = (instanceId: string) => {
  const known = new Map<string, HeaderList[]>();

  /** The list that has these fields already, or a new one. */
  const shared = (path: string, fields: string[]): HeaderList => {
    if (charactersOf(fields) > KEPT_CHARACTERS_MAX) return new HeaderList(fields);
    let variants = known.get(path);
    if (variants === undefined) {
      if (known.size >= TARGETS_MAX) known.clear();
      variants = [];
      known.set(path, variants);
    }
    for (let index = 0; index < variants.length; index++) {
      const list = variants[index] as HeaderList;
      if (isSame(list.fields, fields)) return list;
    }
    const list = new HeaderList(fields);
    if (variants.length >= VARIANTS_MAX) variants.shift();
    variants.push(list);
    return list;
  };

  /** `peer`: the caller's `host:port`. */
  return (headers: HeaderList, peer: string): ForwardedHeaders => {
    const { method, path, authority, traceparent, via, rest, changing, isLate, previousAttempts } = sort(headers, peer);
    const list = shared(path, [
      ":method",
      method,
      ":scheme",
      "http",
      ":authority",
      authority,
      ":path",
      path,
      ...rest,
      // gRPC asks proxies whether they keep trailers; this one does (gRPC over HTTP/2, Requests).
      "te",
      "trailers",
      "via",
      viaWith(via, instanceId),
    ]);
    return { list, changing, traceparent, isLoop: namesOf(via).includes(instanceId), isLate, previousAttempts };
  };
};

/** What an instance is told of a caller whose call is made anew: everything but what belongs to the request itself. */
export interface ForwardedMetadata {
  /** Name and value in turn. */
  readonly fields: readonly string[];
  /** The caller's trace, if it sent one. */
  readonly traceparent: string | undefined;
  /** The call has passed this gateway before. */
  readonly isLoop: boolean;
}

/** `peer`: the caller's `host:port`; `instanceId`: this gateway's own. */
export const forwardedMetadata = (headers: HeaderList, peer: string, instanceId: string): ForwardedMetadata => {
  const { traceparent, via, rest, changing } = sort(headers, peer);
  return {
    fields: [...rest, ...withoutTimeouts(changing), "via", viaWith(via, instanceId)],
    traceparent,
    isLoop: namesOf(via).includes(instanceId),
  };
};

/** The deadline is told anew. */
const withoutTimeouts = (fields: readonly string[]): string[] => {
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name !== "grpc-timeout" && name !== "connect-timeout-ms") kept.push(name, fields[index + 1] as string);
  }
  return kept;
};

/** A caller's headers by what becomes of them. */
const sort = ({ fields }: HeaderList, peer: string) => {
  const rest: string[] = [];
  const changing: string[] = [];
  let method = "POST";
  let path = "/";
  let authority = "heddle";
  let traceparent: string | undefined;
  let via = "";
  let isLate = false;
  let previousAttempts = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    switch (name) {
      case ":method":
        method = value;
        break;
      case ":path":
        path = value;
        break;
      case ":authority":
        authority = value;
        break;
      case "traceparent":
        traceparent ??= value;
        break;
      case "via":
        via = via === "" ? value : `${via}, ${value}`;
        break;
      // Replaced, or HTTP/2's own; the rest concerns one connection only (RFC 9110, 7.6.1).
      case ":scheme":
      case "connection":
      case "host":
      case "http2-settings":
      case "keep-alive":
      case "proxy-connection":
      case "te":
      case "transfer-encoding":
      case "upgrade":
      // Counted here; an instance has no use for it, and it would tell apart what is the same for all callers.
      case CONSUMER_HEADER:
      // What a caller says of where it comes from is not to be believed.
      case "forwarded":
      case "x-forwarded-for":
      case "x-real-ip":
        break;
      case "authorization":
      case "connect-timeout-ms":
      case "content-length":
      case "cookie":
      case IDENTITY_HEADER:
        changing.push(name, value);
        break;
      case PREVIOUS_ATTEMPTS:
        previousAttempts = readPreviousAttempts(value);
        changing.push(name, value);
        break;
      case "grpc-timeout": {
        // What is no timeout is the instance's to refuse.
        const leftMs = parseGrpcTimeout(value);
        isLate = leftMs !== undefined && leftMs < WAY_BACK_MS + 1;
        changing.push(name, leftMs === undefined ? value : formatGrpcTimeout(leftMs - WAY_BACK_MS));
        break;
      }
      default:
        rest.push(name, value);
    }
  }
  changing.push("x-forwarded-for", hostOf(peer));
  return { method, path, authority, traceparent, via, rest, changing, isLate, previousAttempts };
};

const viaWith = (via: string, instanceId: string): string => `${via && `${via}, `}2.0 ${instanceId}`;

const charactersOf = (fields: readonly string[]): number => fields.reduce((sum, text) => sum + text.length, 0);

/** The gateways that a `via` names (RFC 9110, 7.6.3). */
const namesOf = (via: string): string[] => via.split(",").map((hop) => hop.trim().split(" ")[1] ?? "");

const isSame = (some: readonly string[], others: readonly string[]): boolean => {
  if (some.length !== others.length) return false;
  for (let index = 0; index < some.length; index++) if (some[index] !== others[index]) return false;
  return true;
};

const hostOf = (peer: string): string => {
  const colon = peer.lastIndexOf(":");
  return colon < 0 ? peer : peer.slice(0, colon);
};
