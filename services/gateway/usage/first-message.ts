import type { HeaderList } from "@heddle/mesh/wire";
import type { RequestSampler } from "../edge/edge.ts";

/** Shows the request of a call that was not translated to whoever looks at some of them, by the first piece of its body. */
export const showFirstMessage = (sampler: RequestSampler, headers: HeaderList, piece: Uint8Array): void => {
  const message = firstMessage(headers.get("content-type"), piece);
  if (message !== undefined) sampler.look(message);
};

/** Flags, and the length of what follows (gRPC over HTTP/2, Length-Prefixed-Message). */
const PREFIX_BYTES = 5;

/**
 * The first message of a gRPC request in protobuf, when the first piece of its body holds it whole and uncompressed; undefined
 * otherwise.
 */
export const firstMessage = (contentType: string | undefined, piece: Uint8Array): Uint8Array | undefined => {
  if (contentType === undefined || !PROTOBUF.test(contentType)) return undefined;
  if (piece.length < PREFIX_BYTES || piece[0] !== 0) return undefined;
  const length = new DataView(piece.buffer, piece.byteOffset).getUint32(1);
  const end = PREFIX_BYTES + length;
  return end <= piece.length ? piece.subarray(PREFIX_BYTES, end) : undefined;
};

/** gRPC may carry other codecs, whose names come behind a plus. */
const PROTOBUF = /^application\/grpc(\+proto)?(;|$)/;
