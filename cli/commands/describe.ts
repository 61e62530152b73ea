import { type DescMessage, type FileRegistry, type JsonValue, type Registry, toJson } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Command } from "commander";
import { type Described, describeText } from "../describe-text.ts";
import { Failure } from "../failure.ts";
import { gatewayOption, jsonOption } from "../mesh-options.ts";
import { type Reflection, reflect } from "../reflect.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { accessText, summaryOf } from "../reflect-method.ts";
import { methodName, symbolOf, unknownName } from "../reflect-symbols.ts";
import { transportOf } from "../reflect-transport.ts";
import { processTerminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

/** `heddle describe`: the contract of one name, as the mesh serves it now. */
export const describeCommand = (): Command =>
  new Command("describe")
    .description("Show the contract of a service, method, message, enum or field: its rules, options and REST route.")
    .argument("<symbol>", "such as customer.v1.CustomerService/GetCustomer or customer.v1.Customer")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name: string, options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const reflection = reflect(gateway, transportOf(gateway));
      const desc = await find(reflection, symbolOf(name));
      const registry = reflection.registry();
      const { out, outColors } = processTerminal();
      if (options.json) {
        out(JSON.stringify(describeJson(desc, registry)));
        return;
      }
      for (const line of headLines(desc)) out(outColors.dim(`// ${line}`));
      for (const line of describeText(desc, registry)) out(line);
      if (desc.kind !== "rpc") return;
      for (const type of new Set([desc.input, desc.output])) {
        out("");
        for (const line of describeText(type, registry)) out(line);
      }
    });

const find = async (reflection: Reflection, symbol: string): Promise<Described> => {
  await reflection.load([symbol]);
  const found = lookUp(reflection.registry(), symbol);
  if (found !== undefined) return found;
  const services = await reflection.services();
  if (services.some((service) => service.startsWith(`${symbol}.`))) {
    throw new Failure(`${symbol} is a package.`, { next: `heddle list ${symbol} shows what is in it.` });
  }
  throw await unknownName(reflection, symbol, "symbol", symbols);
};

const lookUp = (registry: FileRegistry, symbol: string): Described | undefined => {
  const type = registry.get(symbol);
  if (type !== undefined && type.kind !== "extension") return type;
  const dot = symbol.lastIndexOf(".");
  const [parent, member] = [registry.get(symbol.slice(0, dot)), symbol.slice(dot + 1)];
  if (parent?.kind === "service") return parent.methods.find(({ name }) => name === member);
  if (parent?.kind === "message")
    return parent.fields.find(({ name, jsonName }) => name === member || jsonName === member);
  return undefined;
};

/** Every name that can be described. */
const symbols = (registry: FileRegistry): string[] =>
  [...registry].flatMap((type) => {
    if (type.kind === "service") return [type.typeName, ...type.methods.map(methodName).map(symbolOf)];
    if (type.kind === "message") return [type.typeName, ...type.fields.map(({ name }) => `${type.typeName}.${name}`)];
    return type.kind === "enum" ? [type.typeName] : [];
  });

/** What a declaration does not say by itself. */
const headLines = (desc: Described): string[] => {
  if (desc.kind !== "rpc") return [`${fullName(desc)}, of ${fileOf(desc)}`];
  const { method, kind, routes, access, timeoutMs } = summaryOf(desc);
  return [
    `${method}, of ${fileOf(desc)}`,
    `Kind: ${kind}`,
    ...(routes.length > 0 ? [`REST: ${routes.join(", ")}`] : []),
    ...(access === undefined ? [] : [`Access: ${accessText(access)}`]),
    `Deadline: ${timeoutMs === undefined ? "no cap" : `at most ${formatDuration(timeoutMs)}`}`,
  ];
};

const fullName = (desc: Described): string => {
  if (desc.kind === "rpc") return methodName(desc);
  return desc.kind === "field" ? `${desc.parent.typeName}.${desc.name}` : desc.typeName;
};

const fileOf = (desc: Described): string => ("file" in desc ? desc.file : desc.parent.file).proto.name;

const describeJson = (desc: Described, registry: Registry): JsonValue => ({
  kind: desc.kind === "rpc" ? "method" : desc.kind,
  name: fullName(desc),
  file: fileOf(desc),
  ...(desc.kind === "rpc" ? { summary: { ...summaryOf(desc) } as unknown as JsonValue } : {}),
  descriptor: toJson(DESCRIPTORS[desc.kind], desc.proto, { registry }),
});

const DESCRIPTORS: Record<Described["kind"], DescMessage> = {
  service: ServiceDescriptorProtoSchema,
  rpc: MethodDescriptorProtoSchema,
  message: DescriptorProtoSchema,
  enum: EnumDescriptorProtoSchema,
  field: FieldDescriptorProtoSchema,
};

const HELP = `
Examples:
  heddle describe customer.v1.CustomerService
  heddle describe customer.v1.CustomerService/GetCustomer
  heddle describe customer.v1.CreateCustomerRequest
  heddle describe customer.v1.Customer.email
  heddle describe order.v1.OrderState --json | jq '.descriptor.value[].name'`;
