import { hash } from "node:crypto";
import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { clone, toBinary } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { reaches } from "./find-fields.ts";
import { isSecret } from "./sensitivity.ts";

/**
 * SHA-256 (32 bytes) of a message's type and content, without the top-level fields named in `without` and without secret
 * fields at any depth: the hash of a nine-digit number gives the number away. Equal messages have equal hashes whatever
 * the order in which their map entries were added, in this process and the next; a field added to the contract later does
 * not change the hash of messages that do not set it.
 */
export const messageHash = <M extends DescMessage>(
  schema: M,
  message: MessageShape<M>,
  options: { readonly without: readonly string[] },
): Uint8Array => {
  const copy = copyOf(schema, message);
  const view = reflect(schema, copy);
  for (const field of schema.fields) if (options.without.includes(field.name)) view.clear(field);
  if (needsNormalizing(schema)) normalize(view);
  return hash("sha256", Buffer.concat([prefixOf(schema), toBinary(schema, copy)]), "buffer");
};

const prefixes = new WeakMap<DescMessage, Uint8Array>();

/** What keeps equal bytes of two types apart. */
const prefixOf = (schema: DescMessage): Uint8Array => {
  let prefix = prefixes.get(schema);
  if (prefix === undefined) {
    prefix = Buffer.from(`${schema.typeName}\0`);
    prefixes.set(schema, prefix);
  }
  return prefix;
};

/** A copy of the message, as a new object, whose secret fields are cleared at any depth. */
export const withoutSecrets = <M extends DescMessage>(schema: M, message: MessageShape<M>): MessageShape<M> => {
  const copy = copyOf(schema, message);
  if (needsNormalizing(schema)) normalize(reflect(schema, copy));
  return copy;
};

/** Clearing a top-level field replaces a property and changes nothing in place: only what goes deeper needs a deep copy. */
const copyOf = <M extends DescMessage>(schema: M, message: MessageShape<M>): MessageShape<M> =>
  needsNormalizing(schema)
    ? clone(schema, message)
    : Object.assign<object, MessageShape<M>>(Object.create(Object.getPrototypeOf(message)), message);

/** Clears secrets, and puts map entries, for which protobuf promises no order, in the order of their keys as text. */
const normalize = (message: ReflectMessage): void => {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (isSecret(field)) {
      message.clear(field);
    } else if (field.fieldKind === "message") {
      normalize(message.get(field));
    } else if (field.fieldKind === "list") {
      for (const item of message.get(field)) if (isReflectMessage(item)) normalize(item);
    } else if (field.fieldKind === "map") {
      const map = message.get(field);
      const entries = [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      map.clear();
      for (const [key, value] of entries) {
        if (isReflectMessage(value)) normalize(value);
        map.set(key, value);
      }
    }
  }
};

const normalizing = new WeakMap<DescMessage, boolean>();

const needsNormalizing = (schema: DescMessage): boolean => {
  let needed = normalizing.get(schema);
  if (needed === undefined) {
    needed = reaches(schema, (field: DescField) => field.fieldKind === "map" || isSecret(field));
    normalizing.set(schema, needed);
  }
  return needed;
};
