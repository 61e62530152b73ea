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
  const visit = (type: DescMessage | DescEnum): void => {
    if (types.has(type.typeName)) return;
    types.set(type.typeName, type);
    if (type.kind === "enum") return;
    for (const { message, enum: enumeration } of type.fields) {
      if (message !== undefined) visit(message);
      if (enumeration !== undefined) visit(enumeration);
    }
  };
  for (const type of registry) {
    if (type.kind === "extension" || type.file.proto.package !== packageName) continue;
    if (type.kind === "service") {
      types.set(type.typeName, type);
      for (const { input, output } of type.methods) {
        visit(input);
        visit(output);
      }
    } else visit(type);
  }
  return types;
};
