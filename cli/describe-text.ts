import type {
  DescEnum,
  DescField,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
  Registry,
} from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  FeatureSet_FieldPresence,
  FieldOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { type Commented, commentOf } from "./describe-comments.ts";
import { indent, type Setting, separated, settingLines, settingsOf } from "./describe-options.ts";

/** Columns that a line should keep to. */
const WIDTH = 100;

/** What can be described. */
export type Described = DescService | DescMethod | DescMessage | DescEnum | DescField;

/** The declaration as source, with its options and, where the descriptors have them, comments. `registry` knows the options. */
export const describeText = (desc: Described, registry: Registry): string[] => {
  switch (desc.kind) {
    case "service":
      return serviceLines(desc, registry);
    case "rpc":
      return methodLines(desc, registry);
    case "message":
      return messageLines(desc, registry);
    case "enum":
      return enumLines(desc, registry);
    case "field":
      return fieldLines(desc, registry);
  }
};

const serviceLines = (service: DescService, registry: Registry): string[] => [
  ...comments(service),
  ...block(`service ${service.name}`, [
    optionLines(settingsOf(ServiceOptionsSchema, service.proto.options, registry)),
    ...service.methods.map((method) => methodLines(method, registry)),
  ]),
];

const methodLines = (method: DescMethod, registry: Registry): string[] => {
  const scope = method.parent.file.proto.package;
  const one = (type: DescMessage, streams: boolean) => `${streams ? "stream " : ""}${within(scope, type.typeName)}`;
  const { clientStreaming, serverStreaming } = method.proto;
  const head = `rpc ${method.name}(${one(method.input, clientStreaming)}) returns (${one(method.output, serverStreaming)})`;
  const options = optionLines(settingsOf(MethodOptionsSchema, method.proto.options, registry));
  return [...comments(method), ...(options.length === 0 ? [`${head};`] : block(head, [options]))];
};

const messageLines = (message: DescMessage, registry: Registry): string[] => {
  const done = new Set<DescOneof>();
  const members = message.fields.flatMap((field) => {
    if (field.oneof === undefined) return fieldLines(field, registry);
    if (done.has(field.oneof)) return [];
    done.add(field.oneof);
    return oneofLines(field.oneof, registry);
  });
  return [
    ...comments(message),
    ...block(`message ${message.name}`, [
      [...optionLines(settingsOf(MessageOptionsSchema, message.proto.options, registry)), ...reserved(message)],
      ...message.nestedEnums.map((nested) => enumLines(nested, registry)),
      ...message.nestedMessages.map((nested) => messageLines(nested, registry)),
      members,
    ]),
  ];
};

const oneofLines = (oneof: DescOneof, registry: Registry): string[] => [
  ...comments(oneof),
  ...block(`oneof ${oneof.name}`, [
    optionLines(settingsOf(OneofOptionsSchema, oneof.proto.options, registry)),
    oneof.fields.flatMap((field) => fieldLines(field, registry)),
  ]),
];

const fieldLines = (field: DescField, registry: Registry): string[] => [
  ...comments(field),
  ...bracketed(
    `${label(field)}${typeOf(field)} ${field.name} = ${field.number}`,
    settingsOf(FieldOptionsSchema, field.proto.options, registry),
  ),
];

const enumLines = (enumeration: DescEnum, registry: Registry): string[] => [
  ...comments(enumeration),
  ...block(`enum ${enumeration.name}`, [
    optionLines(settingsOf(EnumOptionsSchema, enumeration.proto.options, registry)),
    enumeration.values.flatMap((value) => [
      ...comments(value),
      ...bracketed(
        `${value.name} = ${value.number}`,
        settingsOf(EnumValueOptionsSchema, value.proto.options, registry),
      ),
    ]),
  ]),
];

const comments = (desc: Commented): string[] => commentOf(desc).map((line) => `//${line}`);

/** `head { … }` with an empty line between the parts; parts that are empty are left out. */
const block = (head: string, parts: readonly (readonly string[])[]): string[] => {
  const filled = parts.filter((part) => part.length > 0);
  if (filled.length === 0) return [`${head} {}`];
  return [`${head} {`, ...filled.flatMap((part, index) => [...(index > 0 ? [""] : []), ...indent(part)]), "}"];
};

const optionLines = (settings: readonly Setting[]): string[] =>
  settings.flatMap((setting) => {
    const lines = settingLines(setting, WIDTH);
    return [`option ${lines[0]}`, ...lines.slice(1)].map((line, index) =>
      index === lines.length - 1 ? `${line};` : line,
    );
  });

/** `head [options];` */
const bracketed = (head: string, settings: readonly Setting[]): string[] => {
  if (settings.length === 0) return [`${head};`];
  const items = settings.map((setting) => settingLines(setting, WIDTH));
  const [first, ...more] = items;
  if (first?.length === 1 && more.length === 0) {
    const line = `${head} [${first[0]}];`;
    if (line.length <= WIDTH) return [line];
  }
  return [`${head} [`, ...indent(separated(items)), "];"];
};

const label = (field: DescField): string => {
  if (field.fieldKind === "list") return "repeated ";
  if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return "required ";
  return field.proto.proto3Optional ? "optional " : "";
};

const typeOf = (field: DescField): string => {
  const scope = field.parent.file.proto.package;
  const element = within(scope, field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar));
  return field.fieldKind === "map" ? `map<${scalarName(field.mapKey)}, ${element}>` : element;
};

const scalarName = (scalar: ScalarType | undefined): string =>
  scalar === undefined ? "" : (ScalarType[scalar]?.toLowerCase() ?? "");

const reserved = ({ proto }: DescMessage): string[] => {
  // The end of a range of fields is behind its last number.
  const numbers = proto.reservedRange.map(({ start, end }) =>
    end - start === 1 ? `${start}` : `${start} to ${end - 1}`,
  );
  return [numbers, proto.reservedName.map((name) => JSON.stringify(name))]
    .filter((items) => items.length > 0)
    .map((items) => `reserved ${items.join(", ")};`);
};

/** A type as it may be written within a package. */
const within = (scope: string, typeName: string): string =>
  scope !== "" && typeName.startsWith(`${scope}.`) ? typeName.slice(scope.length + 1) : typeName;
