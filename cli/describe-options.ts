import {
  type DescExtension,
  type DescField,
  type DescMessage,
  getExtension,
  type Message,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** The value of an option, as far as it must be known to lay it out. */
export type OptionValue =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly OptionValue[] }
  | { readonly kind: "message"; readonly fields: readonly Setting[] };

/** One option that is set, by its name as source has it: `deprecated`, or `(heddle.options.v1.timeout)`. */
export interface Setting {
  readonly name: string;
  readonly value: OptionValue;
}

/**
 * Every option that is set on `options`, a message such as `google.protobuf.FieldOptions`, extensions of `registry` included. An
 * option that is a list is there once for each of its items, as in source.
 */
export const settingsOf = (schema: DescMessage, options: Message | undefined, registry: Registry): Setting[] => {
  if (options === undefined) return [];
  return fieldsOf(schema, options, registry, (typeName) => `(${typeName})`).flatMap(({ name, value }) =>
    value.kind === "list" ? value.items.map((item) => ({ name, value: item })) : [{ name, value }],
  );
};

const fieldsOf = (
  schema: DescMessage,
  value: Message,
  registry: Registry,
  extensionName: (typeName: string) => string,
): Setting[] => {
  const message = reflect(schema, value, false);
  const known = message.sortedFields
    .filter((field) => message.isSet(field))
    .map((field) => ({ name: field.name, value: optionValue(field, message.get(field), registry) }));
  const numbers = new Set((message.getUnknown() ?? []).map(({ no }) => no));
  const extended = [...numbers].flatMap((number) => {
    const extension = registry.getExtensionFor(schema, number);
    if (extension === undefined) return [];
    const found = optionValue(extension, getExtension(value, extension), registry);
    return [{ name: extensionName(extension.typeName), value: found }];
  });
  return [...known, ...extended];
};

/** The lines `name = value`, on one line where it is at most `width` characters, without anything after it. */
export const settingLines = ({ name, value }: Setting, width: number): string[] => {
  const [path, inner] = value.kind === "message" ? shortened(name, value) : [name, value];
  return prefixed(`${path} = `, inner, width);
};

/** `(buf.validate.field) = {string: {max_len: 5}}` is written `(buf.validate.field).string = {max_len: 5}`. */
const shortened = (path: string, value: OptionValue): [string, OptionValue] => {
  const [only, ...more] = value.kind === "message" ? value.fields : [];
  if (only === undefined || more.length > 0 || only.value.kind !== "message" || only.name.startsWith("[")) {
    return [path, value];
  }
  return shortened(`${path}.${only.name}`, only.value);
};

const prefixed = (prefix: string, value: OptionValue, width: number): string[] => {
  const line = prefix + inline(value);
  if (value.kind === "text" || line.length <= width) return [line];
  if (value.kind === "list") {
    const items = value.items.map((item) => indent(prefixed("", item, width - 2)));
    return [`${prefix}[`, ...separated(items), "]"];
  }
  const fields = value.fields.flatMap((field) => indent(prefixed(`${field.name}: `, field.value, width - 2)));
  return [`${prefix}{`, ...fields, "}"];
};

const inline = (value: OptionValue): string => {
  if (value.kind === "text") return value.text;
  if (value.kind === "list") return `[${value.items.map(inline).join(", ")}]`;
  return `{${value.fields.map((field) => `${field.name}: ${inline(field.value)}`).join(", ")}}`;
};

/** Indents by one step. */
export const indent = (lines: readonly string[]): string[] => lines.map((line) => (line === "" ? "" : `  ${line}`));

/** Puts a comma behind each item but the last. */
export const separated = (items: readonly (readonly string[])[]): string[] =>
  items.flatMap((lines, index) =>
    index === items.length - 1 ? lines : [...lines.slice(0, -1), `${lines[lines.length - 1]},`],
  );

const optionValue = (desc: DescField | DescExtension, value: unknown, registry: Registry): OptionValue => {
  if (desc.fieldKind === "map") {
    const items = [...(value as Iterable<[unknown, unknown]>)].map(([key, item]): OptionValue => {
      const fields = [
        { name: "key", value: text(JSON.stringify(key)) },
        { name: "value", value: single(desc, item, registry) },
      ];
      return { kind: "message", fields };
    });
    return { kind: "list", items };
  }
  if (desc.fieldKind === "list") {
    return { kind: "list", items: [...(value as Iterable<unknown>)].map((item) => single(desc, item, registry)) };
  }
  return single(desc, value, registry);
};

const single = (desc: DescField | DescExtension, value: unknown, registry: Registry): OptionValue => {
  if (desc.message !== undefined && typeof value === "object" && value !== null) {
    const message = isReflectMessage(value) ? value.message : (value as Message);
    return { kind: "message", fields: fieldsOf(desc.message, message, registry, (typeName) => `[${typeName}]`) };
  }
  if (desc.enum !== undefined) {
    return text(desc.enum.values.find(({ number }) => number === value)?.name ?? String(value));
  }
  if (value instanceof Uint8Array) return text(JSON.stringify(Buffer.from(value).toString("latin1")));
  if (desc.scalar === ScalarType.STRING) return text(JSON.stringify(value));
  return text(String(value));
};

const text = (text: string): OptionValue => ({ kind: "text", text });
