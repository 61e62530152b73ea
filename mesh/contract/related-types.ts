import type { DescEnum, DescMessage, DescService, FileRegistry } from "@bufbuild/protobuf";

/**
 * The services, messages and enums of a package, and the messages and enums of others that they hold, however deep: what callers of
 * the package have on the wire. Types that only describe, such as those of `buf.validate`, are none of them.
 */
export const relatedTypes = (
  registry: FileRegistry,
  packageName: string,
): ReadonlyMap<string, DescService | DescMessage | DescEnum> => {
  const types = new Map<string, DescService | DescMessage | DescEnum>();
  const add = (type: DescService | DescMessage | DescEnum | undefined): void => {
    if (type !== undefined) types.set(type.typeName, type);
  };
  for (const type of registry) {
    if (type.kind !== "extension" && type.file.proto.package === packageName) add(type);
  }
  // Those that are added on the way are visited as well. Not by recursion: how deep messages hold each other is up to a peer.
  for (const type of types.values()) {
    if (type.kind === "service") {
      for (const { input, output } of type.methods) for (const message of [input, output]) add(message);
    } else if (type.kind === "message") {
      for (const { message, enum: enumeration } of type.fields) for (const held of [message, enumeration]) add(held);
    }
  }
  return types;
};
