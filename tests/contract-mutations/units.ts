import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clone, fromBinary } from "@bufbuild/protobuf";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ROOT, runToolQuietly } from "../../tools/run-tool.ts";

/** A package that is mutated, and the files of others that it imports, which are not. */
export interface Unit {
  readonly files: FileDescriptorProto[];
  readonly imported: readonly FileDescriptorProto[];
}

/** The packages of proto/ and of the fixtures, but for those whose options must stand in a set once only. */
export const loadUnits = (folder: string): Unit[] => {
  const image = join(folder, "fixtures.binpb");
  const built = runToolQuietly("buf", ["build", "tests/contract-mutations/fixtures", "-o", image], ROOT);
  if (built.status !== 0) throw new Error(`The fixtures do not compile: ${built.stderr}`);
  const [ours = [], fixtures = []] = [join(ROOT, "proto/baseline.binpb"), image].map((path) => {
    const files = fromBinary(FileDescriptorSetSchema, readFileSync(path)).file;
    const packages = new Set(files.map((file) => file.package));
    return [...packages]
      .filter((name) => !/^(google|buf|heddle\.options)\b/.test(name))
      .map((name) => unitOf(files, name));
  });
  // The fixtures have what ours do without; half of the pairs are theirs.
  const times = Math.ceil(ours.length / fixtures.length);
  return [...ours, ...Array.from({ length: times }, () => fixtures).flat()];
};

const unitOf = (files: readonly FileDescriptorProto[], packageName: string): Unit => {
  const needed = new Map<string, FileDescriptorProto>();
  const need = (name: string): void => {
    const file = files.find((candidate) => candidate.name === name);
    if (file === undefined || needed.has(name)) return;
    for (const imported of file.dependency) need(imported);
    needed.set(name, file);
  };
  for (const file of files) if (file.package === packageName) need(file.name);
  const all = [...needed.values()];
  return {
    files: all.filter((file) => file.package === packageName),
    imported: all.filter((file) => file.package !== packageName),
  };
};

/** The copy of a unit under another name: many stand in one set without meeting. */
export const copyOf = (unit: Unit, name: string): Unit => {
  const own = new Set(unit.files.map((file) => file.name));
  const declared = new Set(unit.files.flatMap((file) => typesOf(file)));
  const renamed = (type: string): string => (declared.has(type) ? `.${name}${type}` : type);
  const rename = (message: DescriptorProto): void => {
    for (const field of [...message.field, ...message.extension]) {
      field.typeName = field.typeName === "" ? "" : renamed(field.typeName);
      if (field.extendee !== "") field.extendee = renamed(field.extendee);
    }
    message.nestedType.forEach(rename);
  };
  const files = unit.files.map((file) => {
    const copy = clone(FileDescriptorProtoSchema, file);
    copy.name = `${name}/${file.name}`;
    copy.package = `${name}.${file.package}`;
    copy.dependency = file.dependency.map((imported) => (own.has(imported) ? `${name}/${imported}` : imported));
    copy.messageType.forEach(rename);
    for (const field of copy.extension) {
      if (field.typeName !== "") field.typeName = renamed(field.typeName);
      field.extendee = renamed(field.extendee);
    }
    for (const method of copy.service.flatMap((service) => service.method)) {
      method.inputType = renamed(method.inputType);
      method.outputType = renamed(method.outputType);
    }
    return copy;
  });
  return { files, imported: unit.imported };
};

/** A copy that may be changed without the other. */
export const cloneOf = ({ files, imported }: Unit): Unit => ({
  files: files.map((file) => clone(FileDescriptorProtoSchema, file)),
  imported,
});

const typesOf = (file: FileDescriptorProto): string[] => {
  const types = file.enumType.map(({ name }) => `.${file.package}.${name}`);
  const add = (scope: string, message: DescriptorProto): void => {
    const name = `${scope}.${message.name}`;
    types.push(name, ...message.enumType.map((nested) => `${name}.${nested.name}`));
    for (const nested of message.nestedType) add(name, nested);
  };
  for (const message of file.messageType) add(`.${file.package}`, message);
  return types;
};
