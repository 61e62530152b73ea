import type { DescField, DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Binding } from "./binding.ts";

/** A body as it is, in whatever form (google/api/httpbody.proto). */
export interface RawBody {
  readonly contentType: string;
  readonly data: Uint8Array;
}

/** Whether messages of a type are raw bodies. */
const isHttpBody = (desc: DescMessage | undefined): boolean => desc?.typeName === "google.api.HttpBody";

/** Whether a binding's request has a body that is taken as it is. */
export const takesRawBody = ({ method, body }: Binding): boolean =>
  body === "all" ? isHttpBody(method.input) : body?.fieldKind === "message" && isHttpBody(body.message);

/** Whether a binding's answers are bodies as they are. */
export const givesRawBody = ({ method, responseBody }: Binding): boolean =>
  responseBody === undefined
    ? isHttpBody(method.output)
    : responseBody.fieldKind === "message" && isHttpBody(responseBody.message);

/** The raw body that a message is, or holds in `field`. */
export const rawBodyOf = (method: DescMethod, message: Message, field: DescField | undefined): RawBody => {
  const whole = reflect(method.output, message);
  const body = field?.fieldKind === "message" ? whole.get(field) : whole;
  const text = String(scalarIn(body, "content_type") ?? "");
  const data = scalarIn(body, "data");
  return {
    contentType: FIELD_VALUE.test(text) ? text : "application/octet-stream",
    data: data instanceof Uint8Array ? data : new Uint8Array(0),
  };
};

/** A field's value (RFC 9110, 5.5); what comes from a service must not write headers of its own. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const scalarIn = (message: ReturnType<typeof reflect>, name: string): unknown => {
  const field = message.fields.find((candidate) => candidate.name === name);
  return field?.fieldKind === "scalar" ? message.get(field) : undefined;
};

/** Sets the raw body of a request. */
export const setRawBody = (message: Message, { method, body }: Binding, raw: RawBody): void => {
  const whole = reflect(method.input, message);
  const target = body !== "all" && body?.fieldKind === "message" ? reflect(body.message, create(body.message)) : whole;
  for (const [name, value] of [
    ["content_type", raw.contentType],
    ["data", raw.data],
  ] as const) {
    const field = target.fields.find((candidate) => candidate.name === name);
    if (field?.fieldKind === "scalar") target.set(field, value);
  }
  if (body !== "all" && body?.fieldKind === "message") whole.set(body, target);
};

/** A further piece of a raw body that is sent as a stream. */
export const rawRequest = (binding: Binding, data: Uint8Array): Message => {
  const message = create(binding.method.input);
  setRawBody(message, binding, { contentType: "", data });
  return message;
};
