import type { HeaderList } from "@heddle/mesh/wire";

/** Flags, and the length of what follows (gRPC over HTTP/2, Length-Prefixed-Message). */
const PREFIX_BYTES = 5;

/**
 * The first message of a request in protobuf, when the first piece of its body holds it whole and uncompressed; undefined otherwise.
 *
 * @param isWhole The piece is all of the body.
 */
export const firstMessage = (headers: HeaderList, piece: Uint8Array, isWhole: boolean): Uint8Array | undefined => {
  const contentType = headers.get("content-type");
  if (contentType === undefined) return undefined;
  if (ENVELOPED.test(contentType)) {
    if (piece.length < PREFIX_BYTES || piece[0] !== 0) return undefined;
    const length = new DataView(piece.buffer, piece.byteOffset).getUint32(1);
    const end = PREFIX_BYTES + length;
    return end <= piece.length ? piece.subarray(PREFIX_BYTES, end) : undefined;
  }
  const isBare = contentType === "application/proto" && headers.get("content-encoding") === undefined;
  return isWhole && isBare ? piece : undefined;
};

/** Protobuf in envelopes: gRPC, gRPC-Web in binary, Connect's streams. */
const ENVELOPED = /^application\/(grpc(-web)?(\+proto)?|connect\+proto)(;|$)/;
