import { Code, ConnectError } from "@connectrpc/connect";
import type { Entry } from "../identity/access-guard.ts";
import { TRACEPARENT } from "../observe/index.ts";
import { HeaderList } from "../wire/index.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import { parseGrpcTimeout } from "./grpc-status.ts";
import type { GuardedCalls } from "./overload-guard.ts";

/** `application/grpc` with protobuf; every other content type goes through Connect's handlers. */
const GRPC_PROTO = /^application\/grpc(?:\+proto)?(?:;|$)/;

/** True for a request that the fast path takes. */
export const isGrpcProto = (headers: HeaderList): boolean =>
  headers.get(":method") === "POST" && GRPC_PROTO.test(headers.get("content-type") ?? "");

/**
 * What a request's headers say, read once: the wire hands out the same list for the same header block, and this is kept with it.
 */
export class GrpcTarget {
  readonly grpc: GrpcMethod;
  readonly headers: HeaderList;
  readonly path: string;
  /** Milliseconds that the caller gives the call. */
  readonly timeoutMs: number | undefined;
  readonly traceparent: string | undefined;
  readonly authorization: string | undefined;
  /** Messages of the request may be compressed by gzip; then those of the reply are, if the caller reads it. */
  readonly requestGzip: boolean;
  readonly replyGzip: boolean;
  /** What the caller asks for that cannot be: raised before the body is read. */
  readonly refusal: ConnectError | undefined;
  /** Whether the caller may call; undefined where nobody looks at that. */
  readonly entry: Entry | undefined;

  /** Whether there is room for the call, and how urgent it is; undefined where nobody looks at that. */
  readonly guarded: GuardedCalls | undefined;

  constructor(
    grpc: GrpcMethod,
    headers: HeaderList,
    { entry, guarded }: { readonly entry: Entry | undefined; readonly guarded: GuardedCalls | undefined },
  ) {
    this.entry = entry;
    this.guarded = guarded;
    this.grpc = grpc;
    this.headers = headers;
    this.path = `/${grpc.compiled.name}`;
    const timeout = headers.get("grpc-timeout");
    const encoding = headers.get("grpc-encoding") ?? "identity";
    const accepted = headers.get("grpc-accept-encoding") ?? "";
    this.timeoutMs = timeout === undefined ? undefined : parseGrpcTimeout(timeout);
    this.traceparent = headers.get(TRACEPARENT);
    this.authorization = headers.get("authorization");
    this.requestGzip = encoding === "gzip";
    this.replyGzip = this.requestGzip && accepted.split(",").some((name) => name.trim() === "gzip");
    if (encoding !== "identity" && encoding !== "gzip") this.refusal = unknownCompression(encoding);
    else if (timeout !== undefined && this.timeoutMs === undefined) this.refusal = invalidTimeout(timeout);
  }

  /** The headers of the reply, of which there are only these. */
  get replyHeaders(): HeaderList {
    return this.replyGzip ? REPLY_GZIP : REPLY;
  }
}

const REPLY = HeaderList.of({
  ":status": "200",
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": "gzip",
});
const REPLY_GZIP = HeaderList.of({
  ":status": "200",
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": "gzip",
  "grpc-encoding": "gzip",
});
/** Of a reply that is an error and nothing else (gRPC over HTTP/2, Trailers-Only). */
export const TRAILERS_ONLY = HeaderList.of({ ":status": "200", "content-type": "application/grpc+proto" });

/** In Connect's words, which `describeDecodeError` turns into ours. */
const unknownCompression = (encoding: string): ConnectError =>
  new ConnectError(`unknown compression "${encoding}": supported encodings are gzip`, Code.Unimplemented, {
    "grpc-accept-encoding": "gzip",
  });

const invalidTimeout = (timeout: string): ConnectError =>
  new ConnectError(`protocol error: invalid grpc timeout value: ${timeout}`, Code.InvalidArgument);
