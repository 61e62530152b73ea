import type { DescMessage, FileRegistry } from "@bufbuild/protobuf";

/**
 * A package, and those whose types its own hold, however deep: what callers of the package have on the wire. Packages that only
 * describe, such as `buf.validate`, are none of them.
 */
export const relatedPackages = (registry: FileRegistry, packageName: string): ReadonlySet<string> => {
  const packages = new Set([packageName]);
  const seen = new Set<DescMessage>();
  const visit = (message: DescMessage): void => {
    if (seen.has(message)) return;
    seen.add(message);
    packages.add(message.file.proto.package);
    for (const field of message.fields) {
      if (field.message !== undefined) visit(field.message);
      if (field.enum !== undefined) packages.add(field.enum.file.proto.package);
    }
  };
  for (const type of registry) {
    if (type.kind === "extension" || type.file.proto.package !== packageName) continue;
    if (type.kind === "message") visit(type);
    if (type.kind === "service") {
      for (const { input, output } of type.methods) {
        visit(input);
        visit(output);
      }
    }
  }
  return packages;
};
