import type { DescService } from "@bufbuild/protobuf";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../mesh-options.ts";
import { type Reflection, reflect } from "../reflect.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { accessText, type MethodSummary, summaryOf } from "../reflect-method.ts";
import { symbolOf, unknownName } from "../reflect-symbols.ts";
import { transportOf } from "../reflect-transport.ts";
import { formatTable } from "../table.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

/** `heddle list`: what can be called. */
export const listCommand = (): Command =>
  new Command("list")
    .description("List the services of the mesh, or the methods of a service or a package.")
    .argument("[name]", "a service such as customer.v1.CustomerService, or a package such as customer.v1 or customer")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name: string | undefined, options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const reflection = reflect(gateway, transportOf(gateway));
      const terminal = processTerminal();
      if (name === undefined) await listServices(reflection, options, terminal);
      else await listMethods(reflection, symbolOf(name), options, terminal);
    });

const listServices = async (reflection: Reflection, { json }: { json?: boolean }, terminal: Terminal) => {
  const services = await load(reflection, await reflection.services());
  if (json) {
    const rows = services.map(({ typeName, methods }) => ({ service: typeName, methods: methods.length }));
    terminal.out(JSON.stringify({ services: rows }));
    return;
  }
  const columns = [{ heading: "SERVICE" }, { heading: "METHODS", align: "right" as const }];
  const rows = services.map(({ typeName, methods }) => [typeName, String(methods.length)]);
  for (const line of formatTable(columns, rows, terminal.outColors.bold)) terminal.out(line);
};

const listMethods = async (reflection: Reflection, name: string, { json }: { json?: boolean }, terminal: Terminal) => {
  const all = await reflection.services();
  const chosen = all.filter((service) => service === name || service.startsWith(`${name}.`));
  if (chosen.length === 0) {
    throw await unknownName(reflection, name, "service or package", (_, services) => [
      ...new Set(services.flatMap(withPackages)),
    ]);
  }
  const services = await load(reflection, chosen);
  const methods = services.flatMap((service) => service.methods.map(summaryOf));
  if (json) {
    terminal.out(JSON.stringify({ methods }));
    return;
  }
  const columns = ["METHOD", "KIND", "REQUEST", "REPLY", "IDEMPOTENCY", "ACCESS", "DEADLINE"];
  const rows = methods.map((method) => row(method, services.length === 1));
  const lines = formatTable(
    columns.map((heading) => ({ heading })),
    rows,
    terminal.outColors.bold,
  );
  for (const line of lines) terminal.out(line);
};

/** A row; names of the method's own package are short, and its service is left out when there is but one. */
const row = (method: MethodSummary, isOnlyService: boolean): string[] => {
  const [service = "", name = ""] = method.method.split("/");
  const short = (type: string): string =>
    packageOf(type) === packageOf(service) ? type.slice(packageOf(service).length + 1) : type;
  return [
    isOnlyService ? name : method.method,
    method.kind,
    short(method.request),
    short(method.reply),
    method.idempotency === "unknown" ? "" : method.idempotency,
    accessText(method.access),
    method.timeoutMs === undefined ? "" : formatDuration(method.timeoutMs),
  ];
};

/** A service and the packages that it is in: `order.v1.OrderService`, `order.v1`, `order`. */
const withPackages = (name: string): string[] => (name === "" ? [] : [name, ...withPackages(packageOf(name))]);

const packageOf = (type: string): string => type.slice(0, Math.max(0, type.lastIndexOf(".")));

/** The descriptors of services; one that has left since it was listed is left out. */
const load = async (reflection: Reflection, names: readonly string[]): Promise<DescService[]> => {
  await reflection.load(names);
  return names.flatMap((name) => reflection.registry().getService(name) ?? []);
};

const HELP = `
Examples:
  heddle list
  heddle list customer.v1.CustomerService
  heddle list creditscore
  heddle list customer --json | jq -r '.methods[] | select(.idempotency == "unknown") | .method'`;
