import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { SHAPE_DEPTH_MAX, SHAPE_FIELDS_MAX, SHAPE_ITEMS_MAX } from "./limits.ts";

/**
 * Which fields of a message are set, as paths such as `order.lines.sku`: those of a list's items together, and a field without
 * presence when it is not its default. No values. Bounded: of a large message the rest is left out.
 */
export const shapeOf = (schema: DescMessage, message: Message): ReadonlySet<string> => {
  const paths = new Set<string>();
  collect(reflect(schema, message, false), "", 1, paths);
  return paths;
};

const collect = (message: ReflectMessage, prefix: string, depth: number, paths: Set<string>): void => {
  for (const field of message.fields) {
    if (paths.size >= SHAPE_FIELDS_MAX) return;
    if (!message.isSet(field)) continue;
    const path = prefix + field.name;
    paths.add(path);
    if (depth >= SHAPE_DEPTH_MAX || field.message === undefined) continue;
    for (const held of messagesIn(message, field)) collect(held, `${path}.`, depth + 1, paths);
  }
};

/** The messages that a field holds, as far as they are looked at. */
const messagesIn = (message: ReflectMessage, field: DescField): ReflectMessage[] => {
  switch (field.fieldKind) {
    case "message":
      return [message.get(field)];
    case "list":
      return first(message.get(field)) as ReflectMessage[];
    case "map":
      return first(message.get(field).values()) as ReflectMessage[];
    default:
      return [];
  }
};

const first = (items: Iterable<unknown>): unknown[] => {
  const found: unknown[] = [];
  for (const item of items) {
    if (found.length >= SHAPE_ITEMS_MAX) break;
    found.push(item);
  }
  return found;
};
