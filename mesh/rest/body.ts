import { type Message, mergeFromJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { fail } from "../contract/fail.ts";
import { methodName } from "../contract/method-name.ts";
import type { Binding } from "./binding.ts";
import { setRawBody, takesRawBody } from "./http-body.ts";
import { jsonFault } from "./json-position.ts";
import { MEDIA_TYPE_UNSUPPORTED } from "./reasons.ts";
import { refuseField } from "./refuse-field.ts";

/** The body of a request, decompressed. */
export interface RequestBody {
  readonly data: Uint8Array;
  /** Of the header `content-type`; undefined where there is none. */
  readonly contentType: string | undefined;
}

/**
 * Sets the fields that the body gives. No body gives none. Throws INVALID_ARGUMENT that names the field, or the place where the
 * JSON is broken, and `MEDIA_TYPE_UNSUPPORTED` for a body in another form.
 */
export const applyBody = (message: Message, { data, contentType }: RequestBody, binding: Binding): void => {
  const { body, method, registry } = binding;
  const domain = method.parent.file.proto.package;
  if (takesRawBody(binding)) {
    if (data.length > 0 || contentType !== undefined)
      setRawBody(message, binding, { data, contentType: contentType ?? "" });
    return;
  }
  if (data.length === 0) return;
  const operation = methodName(method);
  if (body === undefined)
    throw refuseField(domain, "", `${operation} takes no body over REST, but path and query alone`);
  checkMediaType(contentType, operation);
  const text = textOf(data, domain);
  checkJson(text, domain);
  try {
    // The text is one value, so that it cannot reach beyond the field that it is put into.
    const json = body === "all" ? text : `{${JSON.stringify(body.jsonName)}:${text}}`;
    mergeFromJsonString(method.input, message, json, { registry });
  } catch (cause) {
    throw describeDecodeError(ConnectError.from(cause, Code.InvalidArgument), method);
  }
};

const checkJson = (text: string, domain: string): void => {
  try {
    JSON.parse(text);
  } catch (cause) {
    const fault = jsonFault(text);
    const place = fault === undefined ? "" : ` at line ${fault.line}, column ${fault.column}`;
    throw refuseField(domain, "", `its JSON is broken${place}`, cause);
  }
};

/** A body without a type is taken for JSON, which is all that it can be. */
const checkMediaType = (contentType: string | undefined, method: string): void => {
  if (contentType === undefined) return;
  const [type = "", ...parameters] = contentType
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  const isUtf8 = charset === undefined || /^"?utf-?8"?$/.test(charset);
  if (!/^application\/(?:[\w.-]+\+)?json$/.test(type) || !isUtf8) {
    throw fail(MEDIA_TYPE_UNSUPPORTED, { method, mediaType: contentType });
  }
};

const textOf = (data: Uint8Array, domain: string): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch (cause) {
    throw refuseField(domain, "", "its body is not UTF-8", cause);
  }
};
