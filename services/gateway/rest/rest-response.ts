import type { DescMethod, JsonValue, Message, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { fail } from "@heddle/mesh/contract";
import { type Binding, httpStatusOf, replyJson, statusHeaders, statusJson } from "@heddle/mesh/rest";
import { compressGzip, metadataFields } from "@heddle/mesh/rpc";
import type { HeaderList } from "@heddle/mesh/wire";
import { ANSWER_UNREADABLE } from "../errors.ts";
import { COMPRESSED_BYTES_MIN, takesGzip } from "../pages/respond-page.ts";

/** A body of a service's own type is that, and not what a browser takes it for: the page that it would be is one of the gateway's own. */
export const AS_SAID: readonly string[] = ["x-content-type-options", "nosniff"];

/** A whole answer: compressed where the caller takes that and it is worth it. `fields`: name and value in turn. */
export const wholeResponse = async (
  status: number,
  { contentType, data, fields }: { contentType: string; data: Uint8Array; fields: readonly string[] },
  request: HeaderList,
): Promise<UniversalServerResponse> => {
  const header = new Headers({ "content-type": contentType });
  appendFields(header, fields);
  let body = data;
  if (data.length >= COMPRESSED_BYTES_MIN) {
    header.append("vary", "accept-encoding");
    if (takesGzip(request)) {
      body = await compressGzip(data);
      header.set("content-encoding", "gzip");
    }
  }
  header.set("content-length", String(body.length));
  return { status, header, body: oneChunk(body) };
};

export const jsonResponse = (
  status: number,
  { json, fields }: { json: JsonValue; fields: readonly string[] },
  request: HeaderList,
): Promise<UniversalServerResponse> => {
  const data = new TextEncoder().encode(JSON.stringify(json));
  return wholeResponse(status, { contentType: "application/json", data, fields }, request);
};

/** An error as google.rpc.Status. */
export const errorResponse = (
  error: ConnectError,
  request: HeaderList,
  registry?: Registry,
): Promise<UniversalServerResponse> => {
  const fields = [...statusHeaders(error), ...(error.isWireError ? [] : metadataFields(error.metadata))];
  return jsonResponse(httpStatusOf(error), { json: statusJson(error, registry), fields }, request);
};

export const emptyResponse = (fields: readonly string[]): UniversalServerResponse => {
  const header = new Headers();
  appendFields(header, fields);
  return { status: 204, header };
};

/** What is answered to HEAD: the same header, and nothing else (RFC 9110, 9.3.2). */
export const withoutBody = (response: UniversalServerResponse): UniversalServerResponse => {
  const { status, header, body } = response;
  // Lets go of what the body would have come from.
  body?.[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
  return header === undefined ? { status } : { status, header };
};

/** A service's metadata as fields: what followed its answer is marked as Connect marks it. */
export const replyFields = (header: Headers, trailer?: Headers): string[] => {
  const fields = metadataFields(header);
  const trailing = trailer === undefined ? [] : metadataFields(trailer);
  for (let index = 0; index < trailing.length; index += 2)
    fields.push(`trailer-${trailing[index]}`, trailing[index + 1] as string);
  return fields;
};

/** The JSON of a reply; one that has none, such as an Any of a type that nobody knows, is an error of the service. */
export const jsonOf = (binding: Binding, message: Message): JsonValue => {
  try {
    return replyJson(binding, message);
  } catch (error) {
    throw unreadable(binding.method, error instanceof Error ? error.message : String(error));
  }
};

/** INTERNAL `ANSWER_UNREADABLE`. */
export const unreadable = (method: DescMethod, problem: string): ConnectError =>
  fail(ANSWER_UNREADABLE, { service: method.parent.typeName, problem });

export const appendFields = (header: Headers, fields: readonly string[]): void => {
  for (let index = 0; index < fields.length; index += 2)
    header.append(fields[index] as string, fields[index + 1] as string);
};

const oneChunk = async function* (data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
};
