import type { DescMessage, JsonObject, Registry } from "@bufbuild/protobuf";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import type { Ids } from "../runtime/ids.ts";
import { commonReasons } from "./common-reasons.ts";
import { describeError } from "./describe-error.ts";
import { fail } from "./fail.ts";

export interface MapErrorOptions {
  /** Makes the id by which an internal error is found in the log. */
  readonly ids: Ids;
  /** The proto package of the called service, for errors that name none themselves. */
  readonly domain: string;
}

export interface MappedError {
  /** What the caller gets. Its `cause` is for the log. */
  readonly error: ConnectError;
  /** Set when the error is internal: log `error.cause` in full under this id. */
  readonly id?: string;
}

/**
 * The one place where something thrown becomes what a caller sees (AIP-193). Every result carries an ErrorInfo.
 * - Errors made by `fail`, here or any number of hops away, keep code, message and the bytes of their details; headers
 *   that came with them stay behind.
 * - Errors of the RPC library itself get the mesh's reason and words for their code.
 * - AbortError and TimeoutError become CANCELLED and DEADLINE_EXCEEDED.
 * - Anything else becomes INTERNAL with an id and nothing of its cause.
 */
export const toRpcError = (thrown: unknown, { ids, domain }: MapErrorOptions): MappedError => {
  const known = commonReasons(domain);
  if (thrown instanceof ConnectError) {
    if (thrown.findDetails(ErrorInfoSchema).length > 0) return { error: passOn(thrown) };
    const described = describeError(thrown, domain);
    if (described !== undefined) return { error: described };
  } else if (thrown instanceof Error && thrown.name === "AbortError") {
    return { error: fail(known.CANCELLED, {}, { cause: thrown }) };
  } else if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return { error: fail(known.DEADLINE_EXCEEDED, {}, { cause: thrown }) };
  }
  const id = ids.next("err");
  return { error: fail(known.INTERNAL, { errorId: id }, { cause: thrown }), id };
};

/**
 * The same error without the headers of the hop that it came from. Details keep their bytes; those of a type that the mesh or
 * `registry` knows get their JSON beside them.
 */
export const passOn = (error: ConnectError, registry?: Registry): ConnectError => {
  if (!error.isWireError) return error;
  const next = new ConnectError(error.rawMessage, error.code, undefined, undefined, error);
  next.details = error.details.map((detail) =>
    "desc" in detail ? detail : { ...detail, ...readable(detail, registry) },
  );
  return next;
};

const readableTypes = new Map<string, DescMessage>(
  [ErrorInfoSchema, BadRequestSchema, RetryInfoSchema].map((schema) => [schema.typeName, schema]),
);

/** gRPC carries details as bytes alone; with the JSON beside them a Connect caller reads the same as from the first hop. */
const readable = (
  detail: { type: string; value: Uint8Array },
  registry: Registry | undefined,
): { debug?: JsonObject } => {
  const schema = readableTypes.get(detail.type) ?? registry?.getMessage(detail.type);
  if (schema === undefined) return {};
  try {
    const debug = toJson(schema, fromBinary(schema, detail.value), registry && { registry });
    return typeof debug === "object" && debug !== null && !Array.isArray(debug) ? { debug } : {};
  } catch {
    // Not the message that its type says: the bytes still go on as they came.
    return {};
  }
};
