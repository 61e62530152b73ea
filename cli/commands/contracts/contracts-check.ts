import { existsSync } from "node:fs";
import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  CheckVerdict,
  ContractService,
  type PackageCheck,
  PackageCheckSchema,
} from "@heddle/contracts/heddle/contract/v1";
import { Command, InvalidArgumentError, Option } from "commander";
import { checkLines, nextLines, verdictName } from "../../contract-check-lines.ts";
import { contractsOf } from "../../contracts.ts";
import { EXIT } from "../../exit-code.ts";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { notServing } from "../../registry.ts";
import { orFailure } from "../../rpc-failure.ts";
import { formatTable } from "../../table.ts";
import { processTerminal } from "../../terminal.ts";
import { DAY_MS } from "../../units.ts";
import { buildWorkingTree } from "../../working-tree.ts";

/** As long as the mesh remembers who called what. */
const DAYS_MAX = 90;

interface Options {
  readonly dir: string;
  readonly package?: string[];
  readonly days: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle contracts check`. */
export const contractsCheckCommand = (): Command =>
  new Command("check")
    .description(
      "Ask the running mesh what it would say of the protos of this working tree, and who would be affected.",
    )
    .option("--dir <folder>", "the folder of the protos", "proto")
    .option("--package <package...>", "only these packages; a named one that the tree lacks counts as deleted")
    .addOption(new Option("--days <days>", "name callers of the last days").argParser(days).default(30))
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Exit status 100 when something would break callers, 0 when nothing would, 1 when no mesh answers. Changes nothing.

Examples:
  heddle contracts check
  heddle contracts check --package customer.v1 --days 90
  heddle contracts check --json | jq '.violations[] | {rule: .violation.rule, callers: [.callers[].consumer]}'`,
    )
    .action(async (options: Options) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const tree = await buildWorkingTree(options.dir);
      if ((await notServing(gateway)) === undefined) {
        throw new Failure(`No mesh answers at ${gateway}.`, {
          next: "heddle up starts one; make breaking compares with the last release, without a mesh.",
        });
      }
      const call = contractsOf(gateway).checkContracts({
        fileDescriptorSet: tree.bytes,
        packages: options.package ?? [],
        callersWithin: durationFromMs(options.days * DAY_MS),
      });
      const method = ContractService.method.checkContracts;
      const { packages } = await orFailure(method, call, terminal, options.json);
      if (options.json) {
        for (const each of packages) terminal.out(JSON.stringify(toJson(PackageCheckSchema, each)));
      } else {
        print(packages, tree.folder, options.days);
      }
      if (packages.some(({ verdict }) => verdict === CheckVerdict.BREAKING)) process.exitCode = EXIT.breaks;
    });

const print = (packages: readonly PackageCheck[], folder: string, withinDays: number): void => {
  const { out, err, outColors, errColors } = processTerminal();
  const columns = ["PACKAGE", "VERDICT", "IN FORCE"].map((heading) => ({ heading }));
  const rows = packages.map(({ package: name, verdict, contractHash }) => [
    name,
    verdictName(verdict, outColors),
    contractHash.slice(0, 12),
  ]);
  for (const line of formatTable(columns, rows, outColors.bold)) out(line);
  const broken = packages.filter(({ verdict }) => verdict === CheckVerdict.BREAKING);
  for (const each of broken) {
    out("");
    for (const line of checkLines(each, folder, withinDays, outColors)) out(line);
  }
  if (broken.length === 0) return;
  err("");
  for (const line of nextLines(broken, folder, existsSync)) err(`${errColors.dim("next:")}  ${line}`);
};

function days(text: string): number {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > DAYS_MAX) throw new InvalidArgumentError(`Write a number of days from 1 to ${DAYS_MAX}.`);
  return number;
}
