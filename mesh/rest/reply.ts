import { create, type DescField, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Binding } from "./binding.ts";

/**
 * The JSON of a reply: protobuf's own (ProtoJSON), in which fields without a value are left out, as in the JSON of Connect. With
 * `response_body` it is that field's value, which is there always: a list without an item is `[]`.
 */
export const replyJson = ({ method, responseBody, registry }: Binding, message: Message): JsonValue =>
  responseBody === undefined
    ? toJson(method.output, message, { registry })
    : fieldJson(responseBody, message, { registry });

const fieldJson = (field: DescField, message: Message, options: Pick<Binding, "registry">): JsonValue => {
  const all = reflect(field.parent, message);
  // Alone, so that nothing else is written for nothing.
  const alone = reflect(field.parent, create(field.parent));
  if (all.isSet(field)) {
    if (field.fieldKind === "message") return toJson(field.message, all.get(field).message, options);
    copyField(field, all, alone);
    return valueIn(toJson(field.parent, alone.message, options), field) ?? null;
  }
  if (field.fieldKind === "message") return emptyMessage(field, options);
  return valueIn(toJson(field.parent, alone.message, { ...options, alwaysEmitImplicit: true }), field) ?? null;
};

type Reflected = ReturnType<typeof reflect>;

const copyField = (field: DescField, from: Reflected, to: Reflected): void => {
  if (field.fieldKind === "list") {
    for (const item of from.get(field)) to.get(field).add(item);
  } else if (field.fieldKind === "map") {
    for (const [key, value] of from.get(field)) to.get(field).set(key, value);
  } else if (field.fieldKind === "scalar") to.set(field, from.get(field));
  else if (field.fieldKind === "enum") to.set(field, from.get(field));
};

const valueIn = (json: JsonValue, { jsonName }: DescField): JsonValue | undefined =>
  typeof json === "object" && json !== null && !Array.isArray(json) ? json[jsonName] : undefined;

/** A message that is not there: an empty object, or null where the type's JSON is none. */
const emptyMessage = (field: DescField & { fieldKind: "message" }, options: Pick<Binding, "registry">): JsonValue => {
  try {
    const json = toJson(field.message, create(field.message), options);
    return typeof json === "object" && !Array.isArray(json) ? json : null;
  } catch {
    return null;
  }
};
