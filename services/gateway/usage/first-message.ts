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
