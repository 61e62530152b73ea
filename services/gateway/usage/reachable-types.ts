import type { DescEnum, DescMessage } from "@bufbuild/protobuf";

/** What a message can hold, itself included, by full name; what only a google.protobuf.Any holds is not known. */
export const reachableTypes = (root: DescMessage): ReadonlyMap<string, DescMessage | DescEnum> => {
  const known = reached.get(root);
  if (known !== undefined) return known;
  const found = new Map<string, DescMessage | DescEnum>([[root.typeName, root]]);
  // Grows while it is walked over.
  for (const type of found.values()) {
    if (type.kind === "enum") continue;
    for (const { message, enum: enumeration } of type.fields) {
      const held = message ?? enumeration;
      if (held !== undefined && !found.has(held.typeName)) found.set(held.typeName, held);
    }
  }
  reached.set(root, found);
  return found;
};

const reached = new WeakMap<DescMessage, ReadonlyMap<string, DescMessage | DescEnum>>();
