import { Code, ConnectError } from "@connectrpc/connect";

/** Bytes before each message: a flag and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;
/** The flag of a message that is compressed by what `grpc-encoding` names. */
export const COMPRESSED = 1;

/** True when a piece is one message within the bound, from its first byte to its last: no buffer is needed. */
export const isOneMessage = (chunk: Uint8Array, bytesMax: number): boolean => {
  const length = chunk.length - PREFIX_BYTES;
  return (
    length >= 0 &&
    length <= bytesMax &&
    (chunk[0] as number) <= COMPRESSED &&
    chunk[4] === (length & 255) &&
    chunk[3] === ((length >>> 8) & 255) &&
    chunk[2] === ((length >>> 16) & 255) &&
    chunk[1] === length >>> 24
  );
};

/** The error of a message over the bound, before it is read. */
export const messageTooLarge = (bytes: number, bytesMax: number): ConnectError =>
  new ConnectError(`message size ${bytes} is larger than configured readMaxBytes ${bytesMax}`, Code.ResourceExhausted);
