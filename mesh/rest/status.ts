import {
  create,
  createRegistry,
  fromBinary,
  type JsonObject,
  type JsonValue,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  file_google_rpc_error_details,
  RetryInfoSchema,
} from "@heddle/contracts/google/rpc";
import { httpErrorFields } from "../contract/http-error-fields.ts";
import { ENCODING_UNSUPPORTED, REST_DOMAIN, VERB_NOT_ALLOWED } from "./reasons.ts";

/** The HTTP status for each code (google/rpc/code.proto, "HTTP Mapping"). */
export const HTTP_STATUS: { readonly [C in Code]: number } = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

/** What REST itself refuses has a more telling status in HTTP than its code has. */
const OWN_STATUS: Readonly<Record<string, number>> = {
  VERB_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  ENCODING_UNSUPPORTED: 415,
};

/** The HTTP status for an error. */
export const httpStatusOf = (error: ConnectError): number => {
  const own = ownInfo(error);
  return (own && OWN_STATUS[own.reason]) ?? HTTP_STATUS[error.code] ?? 500;
};

/**
 * Fields that HTTP wants beside a status, name and value in turn: those of every error, and which HTTP methods (RFC 9110, 10.2.1)
 * and which encodings (12.5.3) would be taken.
 */
export const statusHeaders = (error: ConnectError): string[] => {
  const fields = httpErrorFields(error);
  const own = ownInfo(error);
  if (own?.reason === VERB_NOT_ALLOWED.reason) fields.push("allow", own.metadata.allowed ?? "");
  if (own?.reason === ENCODING_UNSUPPORTED.reason) fields.push("accept-encoding", own.metadata.supported ?? "");
  return fields;
};

/** What REST itself says of an error; nothing of one that came from a service, whatever it says that it is. */
const ownInfo = (error: ConnectError) =>
  error.isWireError ? undefined : error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === REST_DOMAIN);

/** An error as the JSON of a google.rpc.Status. Details of types that nobody knows are given in base64. */
export const statusJson = (error: ConnectError, registry?: Registry): JsonObject => ({
  code: error.code,
  message: error.rawMessage,
  details: error.details.map((detail) => detailJson(detail, registry)),
});

const detailJson = (detail: ConnectError["details"][number], registry: Registry | undefined): JsonObject => {
  if ("desc" in detail)
    return withType(detail.desc.typeName, toJson(detail.desc, create(detail.desc, detail.value), KNOWN));
  const desc = KNOWN.registry.getMessage(detail.type) ?? registry?.getMessage(detail.type);
  if (desc !== undefined) {
    try {
      return withType(
        detail.type,
        toJson(desc, fromBinary(desc, detail.value), { registry: registry ?? KNOWN.registry }),
      );
    } catch {
      // Bytes that are none of their type are shown as they are.
    }
  }
  return withType(detail.type, Buffer.from(detail.value).toString("base64"));
};

const KNOWN = {
  registry: createRegistry(file_google_rpc_error_details, ErrorInfoSchema, BadRequestSchema, RetryInfoSchema),
};

/** As in the JSON of a google.protobuf.Any. */
const withType = (typeName: string, json: JsonValue): JsonObject => {
  const type = { "@type": `type.googleapis.com/${typeName}` };
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? { ...type, ...json }
    : { ...type, value: json };
};
