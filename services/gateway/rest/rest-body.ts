import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { fail } from "@heddle/mesh/contract";
import { BODY_NOT_GZIP, BODY_TOO_LARGE, ENCODING_UNSUPPORTED } from "@heddle/mesh/rest";
import { DEFAULT_RPC_LIMITS, inflateGzip } from "@heddle/mesh/rpc";
import type { HeaderList } from "@heddle/mesh/wire";

/** Bytes of a body, as it comes and inflated: what a message may have by every other protocol. */
const BODY_BYTES_MAX = DEFAULT_RPC_LIMITS.messageBytesMax;

/** The whole body of a request, inflated. Throws when it is over the bound, or compressed by something else than gzip. */
export const readBody = async (request: UniversalServerRequest, headers: HeaderList): Promise<Uint8Array> => {
  const isGzip = isGzipped(headers);
  if (Number(headers.get("content-length") ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of piecesOf(request)) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  const [only] = chunks;
  const body = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
  return isGzip && body.length > 0 ? inflate(body) : body;
};

/** The pieces of a body as they come. */
export const piecesOf = ({ body }: UniversalServerRequest): AsyncIterable<Uint8Array> => {
  if (typeof body === "object" && body !== null && Symbol.asyncIterator in body) return body;
  throw new TypeError("a request's body is read once, and by nobody else");
};

/** Whether a body is compressed by gzip. Throws when it is by something else. */
const isGzipped = (headers: HeaderList): boolean => {
  const encoding = encodingOf(headers);
  if (encoding === "gzip" || encoding === "x-gzip") return true;
  if (encoding === "identity") return false;
  throw unsupported(encoding, "gzip");
};

/** Throws for a body that is compressed: one that is passed on piece by piece has no bound that would hold when it is inflated. */
export const refuseCompressed = (headers: HeaderList): void => {
  const encoding = encodingOf(headers);
  if (encoding !== "identity") throw unsupported(encoding, "identity");
};

const encodingOf = (headers: HeaderList): string => (headers.get("content-encoding") || "identity").toLowerCase();

const unsupported = (encoding: string, supported: string): ConnectError =>
  fail(ENCODING_UNSUPPORTED, { encoding, supported });

const inflate = async (body: Uint8Array): Promise<Uint8Array> => {
  try {
    return await inflateGzip(body, BODY_BYTES_MAX);
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.ResourceExhausted) throw tooLarge(error);
    throw fail(BODY_NOT_GZIP, {}, { cause: error });
  }
};

const tooLarge = (cause?: unknown) => fail(BODY_TOO_LARGE, { limitBytes: BODY_BYTES_MAX }, { cause });
