import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { ContractTree, MessageNode, Node } from "./contract-tree.ts";
import type { Report, TreeRule } from "./report.ts";
import type { Place } from "./source-location.ts";
import { messagePlaceOf } from "./source-location.ts";

type Declared = Node<unknown, unknown>;
type Pick = (tree: ContractTree) => ReadonlyMap<string, Declared>;

/** Nodes by what they are in, a file or a package, and then by their name in it. */
const grouped = (nodes: Iterable<Declared>, keyOf: (node: Declared) => string): Map<string, Map<string, Declared>> => {
  const groups = new Map<string, Map<string, Declared>>();
  for (const node of nodes) {
    const key = keyOf(node);
    let group = groups.get(key);
    if (group === undefined) {
      group = new Map();
      groups.set(key, group);
    }
    group.set(node.nestedName, node);
  }
  return groups;
};

const reportDeleted = (kind: string, node: Declared, from: string, place: Place, report: Report): void => {
  report({
    element: node.fullName,
    before: `${kind} ${node.nestedName}`,
    after: "",
    message: `The ${kind} ${node.nestedName} was deleted from ${from}.`,
    place,
  });
};

/** The nearest message around a deleted element that is left, by its name in the file or package. */
const survivorOf = (node: Declared, messages: ReadonlyMap<string, Declared> | undefined): MessageNode | undefined => {
  for (let at = node.parent as MessageNode | undefined; at !== undefined; at = at.parent) {
    const survivor = messages?.get(at.nestedName);
    if (survivor !== undefined) return survivor as MessageNode;
  }
  return undefined;
};

/** A deleted element is reported at what is left of the message that it was in, else at its file. */
const placeOfSurvivor = (survivor: MessageNode | undefined, file: string): Place =>
  (survivor && messagePlaceOf(survivor)) ?? { file: survivor?.file.name ?? file };

const fileOf = ({ file }: Declared): string => file.name;
const packageOf = ({ file }: Declared): string => file.package;

/** No element leaves a file that both sides have. */
const keptInFile =
  (kind: string, pick: Pick): TreeRule =>
  (before, after, report) => {
    const kept = grouped(pick(after).values(), fileOf);
    const messages = grouped(after.messages.values(), fileOf);
    for (const node of pick(before).values()) {
      const file = fileOf(node);
      if (!after.files.has(file) || kept.get(file)?.has(node.nestedName)) continue;
      reportDeleted(kind, node, file, placeOfSurvivor(survivorOf(node, messages.get(file)), file), report);
    }
  };

/**
 * No element leaves a package that both sides have. As in buf, a package without any service is one, and a package without
 * any message, enum or extension none that could lose its last.
 *
 * @param around Among which messages to look for what is left around it: a message's may be in another file.
 */
const keptInPackage =
  (kind: string, pick: Pick, around: (node: Declared) => string = fileOf): TreeRule =>
  (before, after, report) => {
    const kept = grouped(pick(after).values(), packageOf);
    if (kind === "service") for (const name of packagesOf(after).keys()) if (!kept.has(name)) kept.set(name, new Map());
    const messages = grouped(after.messages.values(), around);
    for (const node of pick(before).values()) {
      const group = kept.get(packageOf(node));
      if (group === undefined || group.has(node.nestedName)) continue;
      const file = fileOf(node);
      const survivor = after.files.has(file) ? survivorOf(node, messages.get(around(node))) : undefined;
      reportDeleted(kind, node, `package ${packageOf(node)}`, placeOfSurvivor(survivor, file), report);
    }
  };

const packagesOf = (tree: ContractTree): Map<string, FileDescriptorProto> => {
  const packages = new Map<string, FileDescriptorProto>();
  for (const file of [...tree.files.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!packages.has(file.package)) packages.set(file.package, file);
  }
  return packages;
};

export const DELETION_RULES = {
  FILE_NO_DELETE: (before, after, report) => {
    for (const name of before.files.keys()) {
      if (after.files.has(name)) continue;
      report({ element: name, before: name, after: "", message: `File ${name} was deleted.`, place: { file: name } });
    }
  },
  MESSAGE_NO_DELETE: keptInFile("message", ({ messages }) => messages),
  ENUM_NO_DELETE: keptInFile("enum", ({ enums }) => enums),
  EXTENSION_NO_DELETE: keptInFile("extension", ({ extensions }) => extensions),
  SERVICE_NO_DELETE: keptInFile("service", ({ services }) => services),

  PACKAGE_NO_DELETE: (before, after, report) => {
    const kept = packagesOf(after);
    for (const [name, file] of packagesOf(before)) {
      if (kept.has(name)) continue;
      const message = `Package ${name} was deleted.`;
      report({ element: name, before: `package ${name}`, after: "", message, place: { file: file.name } });
    }
  },
  PACKAGE_MESSAGE_NO_DELETE: keptInPackage("message", ({ messages }) => messages, packageOf),
  PACKAGE_ENUM_NO_DELETE: keptInPackage("enum", ({ enums }) => enums),
  PACKAGE_EXTENSION_NO_DELETE: keptInPackage("extension", ({ extensions }) => extensions),
  PACKAGE_SERVICE_NO_DELETE: keptInPackage("service", ({ services }) => services),
} satisfies Record<string, TreeRule>;
