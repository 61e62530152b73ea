import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "@heddle/contracts/google/rpc";
import type { HeaderList } from "../wire/index.ts";

/*
 * What gRPC says in HTTP fields (gRPC over HTTP/2, Requests and Responses): deadlines, status, message and details.
 */

export const GRPC_STATUS = "grpc-status";
const GRPC_MESSAGE = "grpc-message";
const GRPC_STATUS_DETAILS = "grpc-status-details-bin";

/** Milliseconds of a `grpc-timeout`, with fractions; undefined when the text is none. */
export const parseGrpcTimeout = (text: string): number | undefined => {
  const digits = text.length - 1;
  if (digits < 1 || digits > 8) return undefined;
  let amount = 0;
  for (let index = 0; index < digits; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  switch (text.charCodeAt(digits)) {
    case 0x6d: // m
      return amount;
    case 0x53: // S
      return amount * 1_000;
    case 0x75: // u
      return amount / 1_000;
    case 0x6e: // n
      return amount / 1_000_000;
    case 0x4d: // M
      return amount * 60_000;
    case 0x48: // H
      return amount * 3_600_000;
    default:
      return undefined;
  }
};

/** `ms` milliseconds as a `grpc-timeout` of at most eight digits, rounded up; at least a millisecond. */
export const formatGrpcTimeout = (ms: number): string => {
  if (ms <= DIGITS_MAX) return ms > 1 ? `${Math.ceil(ms)}m` : "1m";
  if (ms <= DIGITS_MAX * 1_000) return `${Math.ceil(ms / 1_000)}S`;
  if (ms <= DIGITS_MAX * 60_000) return `${Math.ceil(ms / 60_000)}M`;
  return `${Math.min(Math.ceil(ms / 3_600_000), DIGITS_MAX)}H`;
};

const DIGITS_MAX = 99_999_999;

/** A status message as `grpc-message` has it: UTF-8, percent-encoded where a byte is not printable ASCII. */
export const encodeGrpcMessage = (message: string): string => {
  // A space at either end would not survive, nor be allowed (RFC 9113, 8.2.1).
  if (!TO_ENCODE.test(message) && !message.startsWith(" ") && !message.endsWith(" ")) return message;
  let encoded = "";
  const bytes = Buffer.from(message, "utf8");
  for (const [index, byte] of bytes.entries()) {
    const atEnd = index === 0 || index === bytes.length - 1;
    encoded +=
      byte >= (atEnd ? 0x21 : 0x20) && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte < 16 ? "0" : ""}${byte.toString(16).toUpperCase()}`;
  }
  return encoded;
};

const TO_ENCODE = /[^\x20-\x24\x26-\x7e]/;

/** The message that a `grpc-message` stands for. Never fails: what is not encoded as it should be is kept as it is. */
export const decodeGrpcMessage = (text: string): string => {
  if (!TO_ENCODE.test(text)) return text;
  const bytes = Buffer.from(text, "latin1");
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    const escaped = byte === 0x25 ? hexPair(bytes[index + 1], bytes[index + 2]) : -1;
    bytes[length] = escaped >= 0 ? escaped : byte;
    length += 1;
    if (escaped >= 0) index += 2;
  }
  return bytes.toString("utf8", 0, length);
};

const hexPair = (high: number | undefined, low: number | undefined): number => {
  const value = hexDigit(high) * 16 + hexDigit(low);
  return value >= 0 ? value : -1;
};

const hexDigit = (byte: number | undefined): number => {
  if (byte === undefined) return Number.NEGATIVE_INFINITY;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NEGATIVE_INFINITY;
};

/** Bytes as the value of a field whose name ends in `-bin`: base64 without padding. */
export const encodeBinaryValue = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return padding === 0 ? text : text.slice(0, -padding);
};

/**
 * The fields, name and value in turn, that say how a call ended: `grpc-status`, and for an error its message, its details as
 * google.rpc.Status and its metadata. The metadata of an error that came from another hop stays behind.
 */
export const statusFields = (error: ConnectError | undefined): readonly string[] => {
  if (error === undefined) return STATUS_OK;
  // A code that gRPC does not have would be none to its readers.
  const fields = [GRPC_STATUS, String(error.code in Code ? error.code : Code.Unknown)];
  if (error.rawMessage !== "") fields.push(GRPC_MESSAGE, encodeGrpcMessage(error.rawMessage));
  if (error.details.length > 0) {
    const status = create(StatusSchema, { code: error.code, message: error.rawMessage });
    for (const detail of error.details) {
      status.details.push(
        "desc" in detail
          ? anyPack(detail.desc, create(detail.desc, detail.value))
          : {
              $typeName: "google.protobuf.Any",
              typeUrl: `type.googleapis.com/${detail.type}`,
              value: detail.value,
            },
      );
    }
    fields.push(GRPC_STATUS_DETAILS, encodeBinaryValue(toBinary(StatusSchema, status)));
  }
  if (!error.isWireError) {
    for (const [name, value] of error.metadata) {
      if (!PROTOCOL_FIELDS.has(name)) pushMetadata(fields, name, value);
    }
  }
  return fields;
};

/**
 * Adds a field. Values that `Headers` has joined by commas are sent apart where the field is binary: not every peer splits them, and
 * base64 has no comma.
 */
export const pushMetadata = (fields: string[], name: string, value: string): void => {
  if (!name.endsWith("-bin") || !value.includes(",")) fields.push(name, value);
  else for (const part of value.split(",")) fields.push(name, part.trim());
};

const STATUS_OK: readonly string[] = [GRPC_STATUS, "0"];

/** Fields that belong to HTTP, gRPC or Connect: never metadata of an application, whatever an error carries. */
export const PROTOCOL_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
  "content-type",
  "content-length",
  "content-encoding",
  "host",
  "user-agent",
  "trailer",
  "date",
  "accept-encoding",
  "connect-content-encoding",
  "connect-accept-encoding",
  "connect-timeout-ms",
  "connect-protocol-version",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-timeout",
  GRPC_STATUS,
  GRPC_MESSAGE,
  GRPC_STATUS_DETAILS,
]);

/**
 * How a call ended, from trailers or, where these are all there is, from headers: null is OK, undefined says nothing of it.
 * Details decide over `grpc-status` where both are there and the details can be read, as in Connect.
 */
export const readStatus = ({ fields }: HeaderList): ConnectError | null | undefined => {
  let status: string | undefined;
  let message: string | undefined;
  let details: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index];
    if (name === GRPC_STATUS) status ??= fields[index + 1];
    else if (name === GRPC_MESSAGE) message ??= fields[index + 1];
    else if (name === GRPC_STATUS_DETAILS) details ??= fields[index + 1];
  }
  const detailed = details === undefined ? undefined : readDetails(details);
  if (detailed !== undefined) return detailed;
  if (status === undefined) return undefined;
  if (status === "0") return null;
  const code = /^\d{1,2}$/.test(status) ? Number(status) : 0;
  const error =
    code in Code
      ? new ConnectError(decodeGrpcMessage(message ?? ""), code)
      : new ConnectError(`invalid grpc-status: ${status}`, Code.Internal);
  error.isWireError = true;
  return error;
};

/** Undefined when it cannot be read: then the status that stands beside it is still good. */
const readDetails = (value: string): ConnectError | null | undefined => {
  try {
    const bytes = Buffer.from(value, "base64");
    const status = fromBinary(StatusSchema, new Uint8Array(bytes));
    if (status.code === 0) return null;
    if (!(status.code in Code)) return undefined;
    const error = new ConnectError(status.message, status.code);
    error.details = status.details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
    error.isWireError = true;
    return error;
  } catch {
    return undefined;
  }
};
