import { gzip as deflate, gzipSync as deflateSync, gunzip, gunzipSync, type ZlibOptions } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";

/** Bytes up to which compressing, or inflating, at once takes less than handing it to another thread. */
const AT_ONCE_BYTES_MAX = 64 * 1024;

/** A message compressed by gzip: at once when it is small, off the event loop when it is not. */
export const compressGzip = (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> => {
  if (bytes.length <= AT_ONCE_BYTES_MAX) return plain(deflateSync(bytes));
  return new Promise((resolve, reject) =>
    deflate(bytes, (error, result) => (error === null ? resolve(plain(result)) : reject(error))),
  );
};

/**
 * What a gzip message holds, at once when that is little. It never becomes more than `bytesMax` bytes, nor is more than that
 * written on the way (CVE-2024-37168). Throws, or rejects with: RESOURCE_EXHAUSTED over the bound, INVALID_ARGUMENT when it is
 * no gzip, INTERNAL when it ends early.
 */
export const inflateGzip = (bytes: Uint8Array, bytesMax: number): Uint8Array | Promise<Uint8Array> => {
  if (bytes.length === 0) return new Uint8Array(0);
  if (bytes.length <= AT_ONCE_BYTES_MAX) {
    try {
      return plain(gunzipSync(bytes, { maxOutputLength: Math.min(bytesMax, AT_ONCE_BYTES_MAX) }));
    } catch (error) {
      if (!isTooLarge(error) || bytesMax <= AT_ONCE_BYTES_MAX) throw inflationError(error, bytesMax);
    }
  }
  const options: ZlibOptions = { maxOutputLength: bytesMax };
  return new Promise((resolve, reject) =>
    gunzip(bytes, options, (error, result) =>
      error === null ? resolve(plain(result)) : reject(inflationError(error, bytesMax)),
    ),
  );
};

const plain = ({ buffer, byteOffset, byteLength }: Buffer): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const isTooLarge = (error: unknown): boolean => codeOf(error) === "ERR_BUFFER_TOO_LARGE";

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

const inflationError = (error: unknown, bytesMax: number): ConnectError => {
  if (isTooLarge(error)) {
    const message = `message is larger than configured readMaxBytes ${bytesMax} after decompression`;
    return new ConnectError(message, Code.ResourceExhausted, undefined, undefined, error);
  }
  const code = codeOf(error) === "Z_DATA_ERROR" ? Code.InvalidArgument : Code.Internal;
  return new ConnectError("decompression failed", code, undefined, undefined, error);
};
