import { create, isFieldSet } from "@bufbuild/protobuf";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  Edition,
  FeatureSet_EnumType,
  FeatureSet_FieldPresence,
  FeatureSet_JsonFormat,
  FeatureSet_Utf8Validation,
  FeatureSetSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileOptions_OptimizeMode,
  FileOptionsSchema,
  MethodDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { dropReferences, enumsOf, extensionsOf, fieldsOf, messagesOf, redirect, servicesOf } from "./declared.ts";
import type { Mutation } from "./mutate.ts";
import type { Unit } from "./units.ts";

const TEXT_OPTIONS = [
  "csharpNamespace",
  "goPackage",
  "javaOuterClassname",
  "javaPackage",
  "objcClassPrefix",
  "phpClassPrefix",
  "phpMetadataNamespace",
  "phpNamespace",
  "rubyPackage",
  "swiftPrefix",
] as const;

const FLAG_OPTIONS = [
  "ccEnableArenas",
  "ccGenericServices",
  "javaGenericServices",
  "javaMultipleFiles",
  "javaStringCheckUtf8",
  "pyGenericServices",
] as const;

const optionsOf = (file: FileDescriptorProto) => {
  file.options ??= create(FileOptionsSchema);
  return file.options;
};

/** The types that a file declares, by the start of their names. */
const declaredIn = (file: FileDescriptorProto): Set<string> =>
  new Set([...messagesOf([file]), ...enumsOf([file])].map(({ typeName }) => typeName));

const removeFile = ({ files }: Unit, file: FileDescriptorProto): void => {
  files.splice(files.indexOf(file), 1);
  for (const other of files) {
    if (!other.dependency.includes(file.name)) continue;
    other.dependency = other.dependency.filter((name) => name !== file.name);
    other.publicDependency = [];
  }
  const gone = declaredIn(file);
  dropReferences(files, (name) => gone.has(name));
};

/** Moves every type of a package, or of one file of it, into another package. */
const repackage = ({ files }: Unit, moved: readonly FileDescriptorProto[], to: string): void => {
  for (const file of moved) {
    const types = [...messagesOf([file]), ...enumsOf([file])].filter(({ parent }) => parent === undefined);
    const from = `.${file.package}`;
    file.package = to;
    for (const { typeName } of types) redirect(files, typeName, `.${to}${typeName.slice(from.length)}`);
  }
};

export const FILE_MUTATIONS: Record<string, Mutation> = {
  "change an option of a file": ({ files }, chance) => {
    const file = chance.pick(files);
    for (const name of TEXT_OPTIONS) {
      if (file === undefined || !chance.once(4)) continue;
      optionsOf(file)[name] = chance.once(4) ? "" : `${optionsOf(file)[name]}x`;
    }
    return file !== undefined;
  },
  "switch an option of a file": ({ files }, chance) => {
    const file = chance.pick(files);
    const name = chance.pick(FLAG_OPTIONS);
    if (file === undefined || name === undefined) return false;
    if (name === "javaStringCheckUtf8" && file.syntax === "editions") return false;
    optionsOf(file)[name] = !optionsOf(file)[name];
    return true;
  },
  "change optimize_for": ({ files }, chance) => {
    const file = chance.pick(files);
    const { SPEED, CODE_SIZE } = FileOptions_OptimizeMode;
    if (file !== undefined) optionsOf(file).optimizeFor = chance.pick([SPEED, CODE_SIZE]) ?? SPEED;
    return file !== undefined;
  },
  "change a default feature of a file": ({ files }, chance) => {
    const file = chance.pick(files.filter(({ syntax }) => syntax === "editions"));
    if (file === undefined) return false;
    const options = optionsOf(file);
    options.features ??= create(FeatureSetSchema);
    const { features } = options;
    const change = chance.below(4);
    if (change === 0)
      features.utf8Validation = chance.pick([FeatureSet_Utf8Validation.NONE, FeatureSet_Utf8Validation.VERIFY]) ?? 0;
    else if (change === 1) features.enumType = chance.pick([FeatureSet_EnumType.OPEN, FeatureSet_EnumType.CLOSED]) ?? 0;
    else if (change === 2) {
      features.jsonFormat = chance.pick([FeatureSet_JsonFormat.ALLOW, FeatureSet_JsonFormat.LEGACY_BEST_EFFORT]) ?? 0;
    } else if (fieldsOf([file]).every(({ proto }) => proto.defaultValue === "")) {
      features.fieldPresence = chance.pick([FeatureSet_FieldPresence.EXPLICIT, FeatureSet_FieldPresence.IMPLICIT]) ?? 0;
    }
    return true;
  },
  "write a file in an edition": ({ files }, chance) => {
    const file = chance.pick(files.filter(({ syntax }) => syntax !== "editions"));
    if (file === undefined) return false;
    const fields = [...fieldsOf([file]), ...extensionsOf([file])].map(({ proto }) => proto);
    const { REQUIRED } = FieldDescriptorProto_Label;
    const { GROUP } = FieldDescriptorProto_Type;
    if (fields.some(({ proto3Optional, label, type }) => proto3Optional || label === REQUIRED || type === GROUP))
      return false;
    if (file.options?.javaStringCheckUtf8) return false;
    if (file.syntax === "proto3" && chance.once(2)) {
      optionsOf(file).features = create(FeatureSetSchema, { fieldPresence: FeatureSet_FieldPresence.IMPLICIT });
    }
    file.syntax = "editions";
    file.edition = Edition.EDITION_2023;
    return true;
  },
  "change the edition of a file": ({ files }, chance) => {
    const file = chance.pick(files.filter(({ syntax }) => syntax === "editions"));
    if (file === undefined) return false;
    if (
      fieldsOf([file]).some(({ proto }) => proto.options && isFieldSet(proto.options, FieldOptionsSchema.field.ctype))
    ) {
      return false;
    }
    const { EDITION_2023, EDITION_2024 } = Edition;
    file.edition = file.edition === EDITION_2023 ? EDITION_2024 : EDITION_2023;
    return true;
  },
  "delete a file": (unit, chance) => {
    const file = chance.pick(unit.files);
    if (file === undefined) return false;
    removeFile(unit, file);
    return true;
  },
  "delete the package": ({ files }, chance) => {
    if (!chance.once(3)) return false;
    files.length = 0;
    return true;
  },
  "rename a file": ({ files }, chance) => {
    const file = chance.pick(files);
    if (file === undefined) return false;
    const to = file.name.replace(/\.proto$/, "_renamed.proto");
    for (const other of files) other.dependency = other.dependency.map((name) => (name === file.name ? to : name));
    file.name = to;
    return true;
  },
  "rename the package": (unit) => {
    const [file] = unit.files;
    if (file !== undefined) repackage(unit, unit.files, `${file.package}next`);
    return file !== undefined;
  },
  "move a file to another package": (unit, chance) => {
    const file = chance.pick(unit.files);
    if (file !== undefined) repackage(unit, [file], `${file.package}next`);
    return file !== undefined;
  },
  "move an enum to a new file": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files).filter(({ parent }) => parent === undefined));
    if (found === undefined) return false;
    found.list.splice(found.list.indexOf(found.proto), 1);
    const { file, proto } = found;
    const name = file.name.replace(/\.proto$/, "_moved.proto");
    const { syntax, edition } = file;
    const moved = create(FileDescriptorProtoSchema, { name, syntax, package: file.package, enumType: [proto] });
    if (syntax === "editions") moved.edition = edition;
    files.unshift(moved);
    for (const other of files) if (other !== moved) other.dependency.push(name);
    return true;
  },
  "move a message to another file": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files).filter(({ parent }) => parent === undefined));
    if (message === undefined) return false;
    const { file, proto, typeName: itself } = message;
    // What it refers to must not stand in a file that imports the new one.
    const own = new Set([...messagesOf(files), ...enumsOf(files)].map(({ typeName }) => typeName));
    const fields = fieldsOf([{ ...file, messageType: [proto] }]).map((field) => field.proto.typeName);
    if (fields.some((name) => own.has(name) && !name.startsWith(`${itself}.`))) return false;
    if (extensionsOf([{ ...file, extension: [], messageType: [proto] }]).length > 0) return false;
    const name = file.name.replace(/\.proto$/, "_moved.proto");
    const { syntax, edition } = file;
    const names = new Set(files.map((other) => other.name));
    const dependency = file.dependency.filter((other) => !names.has(other));
    const moved = create(FileDescriptorProtoSchema, {
      name,
      syntax,
      package: file.package,
      messageType: [proto],
      dependency,
    });
    if (syntax === "editions") moved.edition = edition;
    file.messageType.splice(file.messageType.indexOf(proto), 1);
    files.unshift(moved);
    for (const other of files) if (other !== moved) other.dependency.push(name);
    return true;
  },

  "delete a service": ({ files }, chance) => {
    const service = chance.pick(servicesOf(files));
    service?.list.splice(service.list.indexOf(service.proto), 1);
    return service !== undefined;
  },
  "rename a service": ({ files }, chance) => {
    const service = chance.pick(servicesOf(files))?.proto;
    if (service !== undefined) service.name += "Renamed";
    return service !== undefined;
  },
  "delete an RPC": ({ files }, chance) => {
    const service = chance.pick(servicesOf(files))?.proto;
    service?.method.splice(chance.below(service.method.length), 1);
    return service !== undefined;
  },
  "rename an RPC": ({ files }, chance) => {
    const method = chance.pick(servicesOf(files).flatMap(({ proto }) => proto.method));
    if (method !== undefined) method.name += "Renamed";
    return method !== undefined;
  },
  "add an RPC": ({ files }, chance) => {
    const service = chance.pick(servicesOf(files))?.proto;
    const [model] = service?.method ?? [];
    if (service === undefined || model === undefined || service.method.some(({ name }) => name === "Added"))
      return false;
    const { inputType, outputType } = model;
    service.method.push(create(MethodDescriptorProtoSchema, { name: "Added", inputType, outputType }));
    return true;
  },
  "change what an RPC takes or returns": ({ files }, chance) => {
    const service = chance.pick(servicesOf(files));
    const method = service && chance.pick(service.proto.method);
    const type = service && chance.pick(messagesOf([service.file]));
    if (method === undefined || type === undefined) return false;
    if (chance.once(2)) method.inputType = type.typeName;
    else method.outputType = type.typeName;
    return true;
  },
  "change whether an RPC streams": ({ files }, chance) => {
    const method = chance.pick(servicesOf(files).flatMap(({ proto }) => proto.method));
    if (method === undefined) return false;
    if (chance.once(2)) method.clientStreaming = !method.clientStreaming;
    else method.serverStreaming = !method.serverStreaming;
    return true;
  },
  "change an idempotency_level": ({ files }, chance) => {
    const method = chance.pick(servicesOf(files).flatMap(({ proto }) => proto.method));
    if (method === undefined) return false;
    method.options ??= create(MethodOptionsSchema);
    const { IDEMPOTENCY_UNKNOWN, NO_SIDE_EFFECTS, IDEMPOTENT } = MethodOptions_IdempotencyLevel;
    method.options.idempotencyLevel = chance.pick([IDEMPOTENCY_UNKNOWN, NO_SIDE_EFFECTS, IDEMPOTENT]) ?? 0;
    return true;
  },
};
