import type { DescExtension } from "@bufbuild/protobuf";
import { getExtension, hasExtension, isFieldSet, toJson } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/**
 * Prints a proto2 file as source that compiles to the same descriptors, comments and language options left out.
 *
 * Knows what `buf/validate/validate.proto` uses, and throws an Error on anything else (nested types, services, groups),
 * so that nothing is lost in silence. `options` are the extensions whose values on fields are printed too.
 */
export function printProto(file: FileDescriptorProto, options: readonly DescExtension[] = []): string {
  if (file.syntax !== "" && file.syntax !== "proto2") throw new Error(`${file.name}: only proto2 can be printed`);
  if (file.service.length > 0) throw new Error(`${file.name}: services cannot be printed`);
  const lines = ['syntax = "proto2";', "", `package ${file.package};`, ""];
  for (const path of file.dependency) lines.push(`import "${path}";`);
  for (const extendee of new Set(file.extension.map((extension) => extension.extendee))) {
    const fields = file.extension.filter((extension) => extension.extendee === extendee);
    lines.push("", `extend ${extendee} {`, ...fields.map((field) => `  ${printField(field, options)}`), "}");
  }
  for (const message of file.messageType) lines.push("", ...printMessage(message, options));
  for (const enumeration of file.enumType) lines.push("", ...printEnum(enumeration));
  return `${lines.join("\n")}\n`;
}

function printMessage(message: DescriptorProto, options: readonly DescExtension[]): string[] {
  if (message.nestedType.length + message.enumType.length + message.extension.length > 0) {
    throw new Error(`${message.name}: nested types cannot be printed`);
  }
  const lines = [`message ${message.name} {`];
  for (const range of message.reservedRange) lines.push(`  reserved ${range.start} to ${range.end - 1};`);
  for (const name of message.reservedName) lines.push(`  reserved "${name}";`);
  for (const range of message.extensionRange) {
    lines.push(`  extensions ${range.start} to ${range.end > 536870911 ? "max" : range.end - 1};`);
  }
  const printed = new Set<number>();
  for (const field of message.field) {
    if (!isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)) {
      lines.push(`  ${printField(field, options)}`);
    } else if (!printed.has(field.oneofIndex)) {
      printed.add(field.oneofIndex);
      const members = message.field.filter(
        (other) =>
          isFieldSet(other, FieldDescriptorProtoSchema.field.oneofIndex) && other.oneofIndex === field.oneofIndex,
      );
      lines.push(`  oneof ${message.oneofDecl[field.oneofIndex]?.name} {`);
      lines.push(...members.map((member) => `    ${printField(member, options).replace(/^optional /, "")}`), "  }");
    }
  }
  return [...lines, "}"];
}

function printField(field: FieldDescriptorProto, options: readonly DescExtension[]): string {
  if (field.type === FieldDescriptorProto_Type.GROUP) throw new Error(`${field.name}: groups cannot be printed`);
  const label = FieldDescriptorProto_Label[field.label].toLowerCase();
  const type = field.typeName !== "" ? field.typeName : FieldDescriptorProto_Type[field.type].toLowerCase();
  const settings: string[] = [];
  if (field.defaultValue !== "") settings.push(`default = ${field.defaultValue}`);
  if (field.options?.deprecated) settings.push("deprecated = true");
  if (field.options?.packed !== undefined && field.options.packed) settings.push("packed = true");
  for (const option of options) {
    if (field.options !== undefined && hasExtension(field.options, option) && option.message !== undefined) {
      const value = toJson(option.message, getExtension(field.options, option) as never, { useProtoFieldName: true });
      settings.push(`(${option.typeName}) = ${printValue(value)}`);
    }
  }
  const tail = settings.length > 0 ? ` [${settings.join(", ")}]` : "";
  return `${label} ${type} ${field.name} = ${field.number}${tail};`;
}

function printEnum(enumeration: EnumDescriptorProto): string[] {
  const lines = [`enum ${enumeration.name} {`];
  if (enumeration.options?.allowAlias) lines.push("  option allow_alias = true;");
  for (const range of enumeration.reservedRange) lines.push(`  reserved ${range.start} to ${range.end};`);
  for (const name of enumeration.reservedName) lines.push(`  reserved "${name}";`);
  for (const value of enumeration.value) lines.push(`  ${value.name} = ${value.number};`);
  return [...lines, "}"];
}

function printValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name}: ${printValue(inner)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}
