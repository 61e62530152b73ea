import { hash } from "node:crypto";
import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { clone } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { compileEncoder } from "../rpc/codec/encoder.ts";
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
): Buffer => {
  const bytes = compileEncoder(schema).encode(
    isBare(schema, message, options.without) ? message : bared(schema, message, options.without),
  );
  const prefix = prefixOf(schema);
  const length = prefix.length + bytes.length;
  const hashed = length <= scratch.length ? scratch : new Uint8Array(length);
  hashed.set(prefix);
  hashed.set(bytes, prefix.length);
  return hash("sha256", hashed.subarray(0, length), "buffer");
};

/** For the bytes that are hashed: most are few. */
const scratch = new Uint8Array(4096);

/** True for a message that has nothing to be left out of its hash, which is so when a new etag is made. */
const isBare = (schema: DescMessage, message: object, without: readonly string[]): boolean => {
  if (needsNormalizing(schema)) return false;
  for (const name of without) {
    const field = schema.fields.find((each) => each.name === name);
    if (field === undefined) continue;
    if (field.fieldKind !== "scalar" || field.oneof !== undefined) return false;
    if ((message as Record<string, unknown>)[field.localName] !== "") return false;
  }
  return true;
};

/** A copy without what is to be left out, and in the one order that a hash needs. */
const bared = <M extends DescMessage>(schema: M, message: MessageShape<M>, without: readonly string[]) => {
  const copy = copyOf(schema, message);
  const view = reflect(schema, copy);
  for (const field of schema.fields) if (without.includes(field.name)) view.clear(field);
  if (needsNormalizing(schema)) normalize(view);
  return copy;
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
