import { create, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Whether every file of `part` is in `whole`, byte by byte, comments included. */
export const holdsContract = (whole: Uint8Array, part: Uint8Array): boolean => {
  const known = new Map(filesOf(whole).map((file) => [file.name, textOf(file)]));
  return filesOf(part).every((file) => known.get(file.name) === textOf(file));
};

/**
 * A contract that replaces another, with the files of the package that it lacks kept from the other: an instance that serves a part
 * of a package may bring that part alone. A file whose declarations the new one has elsewhere was moved, and is not kept. Returns
 * `after` itself when there is nothing to keep. Imports are those of `after` where both have them.
 */
export const mergeContracts = (before: Uint8Array, after: Uint8Array, packageName: string): Uint8Array => {
  const [was, is] = [filesOf(before), filesOf(after)];
  const files = new Map(is.map((file) => [file.name, file]));
  const kept = keptFiles(was, is, packageName);
  if (kept.length === 0) return after;
  const old = new Map(was.map((file) => [file.name, file]));
  const keep = (file: FileDescriptorProto): void => {
    if (files.has(file.name)) return;
    files.set(file.name, file);
    for (const imported of file.dependency.map((name) => old.get(name))) if (imported !== undefined) keep(imported);
  };
  for (const file of kept) keep(file);
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: inOrder(files) }));
};

/** The names of a package's files that `after` lacks, and whose declarations it has nowhere. */
export const filesKept = (before: FileRegistry, after: FileRegistry, packageName: string): ReadonlySet<string> => {
  const protos = (registry: FileRegistry) => Array.from(registry.files, ({ proto }) => proto);
  return new Set(keptFiles(protos(before), protos(after), packageName).map(({ name }) => name));
};

const keptFiles = (
  before: readonly FileDescriptorProto[],
  after: readonly FileDescriptorProto[],
  packageName: string,
): FileDescriptorProto[] => {
  const names = new Set(after.map(({ name }) => name));
  const declared = new Set(after.filter((file) => file.package === packageName).flatMap(declarations));
  return before.filter(
    (file) =>
      file.package === packageName && !names.has(file.name) && !declarations(file).some((name) => declared.has(name)),
  );
};

const declarations = ({ messageType, enumType, service }: FileDescriptorProto): string[] =>
  [...messageType, ...enumType, ...service].map(({ name }) => name);

/** Each file after those it imports, otherwise by name, so that the same files make the same bytes. */
const inOrder = (files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] => {
  const sorted = new Set<FileDescriptorProto>();
  const begun = new Set<string>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || begun.has(name)) return;
    begun.add(name);
    for (const imported of file.dependency) add(imported);
    sorted.add(file);
  };
  for (const name of [...files.keys()].sort()) add(name);
  return [...sorted];
};

const filesOf = (bytes: Uint8Array): FileDescriptorProto[] => fromBinary(FileDescriptorSetSchema, bytes).file;

const textOf = (file: FileDescriptorProto): string =>
  Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64");
