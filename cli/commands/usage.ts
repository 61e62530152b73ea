import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { DeprecatedUsageSchema, FieldUsageSchema, MethodUsageSchema } from "@heddle/contracts/heddle/usage/v1";
import { Command, InvalidArgumentError, Option } from "commander";
import { usageFailure } from "../failure.ts";
import { gatewayOption, jsonOption } from "../mesh-options.ts";
import { reflect } from "../reflect.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { transportOf } from "../reflect-transport.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { type UsageQuery, usageOf } from "../usage.ts";
import { deprecatedLines, fieldLines, methodLines } from "../usage-lines.ts";
import { type UsageSubject, usageSubject } from "../usage-name.ts";

/** Days for which the gateway keeps usage. */
const DAYS_MAX = 90;

interface Options {
  readonly days: number;
  readonly consumer?: string;
  readonly deprecated?: boolean;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle usage`: who still uses what. */
export const usageCommand = (): Command =>
  new Command("usage")
    .description("Show who calls a package, a service or a method, or whose requests set a field, and how lately.")
    .argument(
      "[name]",
      "such as customer.v1, customer.v1.CustomerService/GetCustomer or customer.v1.Customer.email; all by default",
    )
    .option("--deprecated", "what is deprecated, with those who still use it; the name may be a package")
    .addOption(new Option("--days <number>", "how many days back, today included").argParser(days).default(30))
    .option("--consumer <name>", "only this consumer, such as order")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (name: string | undefined, options: Options) => {
      if (options.deprecated && options.consumer !== undefined)
        throw usageFailure("--deprecated lists the consumers of each element: --consumer does not go with it.");
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const subject = name === undefined ? ALL : await usageSubject(reflect(gateway, transportOf(gateway)), name);
      const usage = usageOf(gateway, options, terminal);
      if (options.deprecated) await showDeprecated(usage, subject, options, terminal);
      else if (subject.kind === "field") await showFields(usage, subject, name ?? "", options, terminal);
      else await showMethods(usage, subject, name, options, terminal);
    });

const ALL: UsageSubject = { kind: "package", package: "" };

const showMethods = async (
  usage: UsageQuery,
  subject: Exclude<UsageSubject, { kind: "field" }>,
  name: string | undefined,
  options: Options,
  terminal: Terminal,
): Promise<void> => {
  const { kind: _, ...filter } = subject;
  const methods = await usage.methods(filter);
  if (options.json) printJson(MethodUsageSchema, methods, terminal);
  else if (methods.length === 0) terminal.err(`Nobody called ${name ?? "anything"} ${withinDays(options.days)}.`);
  else for (const line of methodLines(methods, terminal.outColors.bold)) terminal.out(line);
};

const showFields = async (
  usage: UsageQuery,
  subject: Extract<UsageSubject, { kind: "field" }>,
  name: string,
  options: Options,
  terminal: Terminal,
): Promise<void> => {
  const fields = await usage.fields(subject);
  if (options.json) printJson(FieldUsageSchema, fields, terminal);
  else if (fields.length === 0)
    terminal.err(
      `No request that was looked at set ${name} ${withinDays(options.days)}. Not all of them are looked at.`,
    );
  else for (const line of fieldLines(fields, terminal.outColors.bold)) terminal.out(line);
};

const showDeprecated = async (
  usage: UsageQuery,
  subject: UsageSubject,
  options: Options,
  terminal: Terminal,
): Promise<void> => {
  if (subject.kind !== "package") throw usageFailure("--deprecated takes the name of a package, such as customer.v1.");
  const elements = await usage.deprecated({ package: subject.package });
  if (options.json) printJson(DeprecatedUsageSchema, elements, terminal);
  else if (elements.length === 0) terminal.err("Nothing is deprecated.");
  else for (const line of deprecatedLines(elements, terminal.outColors.bold)) terminal.out(line);
};

/** One line for each, in the contract's own form. */
const printJson = <M extends DescMessage>(schema: M, rows: readonly MessageShape<M>[], { out }: Terminal): void => {
  for (const row of rows) out(JSON.stringify(toJson(schema, row)));
};

const withinDays = (count: number): string => (count === 1 ? "today" : `within ${count} days`);

function days(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > DAYS_MAX) throw new InvalidArgumentError(`Write a number from 1 to ${DAYS_MAX}.`);
  return count;
}

const HELP = `
Requests are looked at for the fields that they set: all of a consumer that calls seldom, one in 64 of the others.

Examples:
  heddle usage
  heddle usage customer.v1 --days 7
  heddle usage customer.v1.CustomerService/GetCustomer
  heddle usage customer.v1.UpdateCustomerRequest.customer.email
  heddle usage --deprecated
  heddle usage creditscore.v1 --json | jq -r .consumer.name | sort -u`;
