import { toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Admission,
  AdmissionOutcome,
  AdmissionSchema,
  ContractService,
} from "@heddle/contracts/heddle/contract/v1";
import { violationLine } from "@heddle/mesh/contract";
import { Command, Option } from "commander";
import { listAdmissions, listPackages, outcomeName, shortHash, unknownPackage } from "../../contracts.ts";
import { gatewayOption, jsonOption, linesOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { dateText } from "../../saga-lines.ts";
import { formatTable } from "../../table.ts";
import { type Colors, processTerminal, type Terminal } from "../../terminal.ts";

/** The outcomes by the words that are typed. */
const OUTCOMES: Readonly<Record<string, AdmissionOutcome>> = {
  first: AdmissionOutcome.FIRST,
  compatible: AdmissionOutcome.COMPATIBLE,
  equal: AdmissionOutcome.EQUAL,
  earlier: AdmissionOutcome.EARLIER,
  refused: AdmissionOutcome.REFUSED,
  overridden: AdmissionOutcome.OVERRIDDEN,
};

interface Options {
  readonly outcome?: readonly string[];
  readonly lines: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle contracts history`. */
export const contractsHistoryCommand = (): Command =>
  new Command("history")
    .description("Show what was decided over contracts, latest first, with what would have broken.")
    .argument("[package]", "such as customer.v1; all by default")
    .addOption(new Option("--outcome <outcome...>", "only these").choices(Object.keys(OUTCOMES)))
    .addOption(linesOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle contracts history
  heddle contracts history customer.v1 --outcome refused overridden
  heddle contracts history --json | jq 'select(.outcome == "ADMISSION_OUTCOME_REFUSED") | .violations[].rule'`,
    )
    .action(async (name: string | undefined, options: Options) => {
      const terminal = processTerminal();
      const outcomes = (options.outcome ?? []).flatMap((each) => OUTCOMES[each] ?? []);
      const gateway = chosenGateway(options.gateway);
      const list = listAdmissions(gateway, { package: name ?? "", outcomes }, options.lines);
      const method = ContractService.method.listAdmissions;
      const { admissions, more } = await orFailure(method, list, terminal, options.json);
      if (admissions.length === 0 && name !== undefined) {
        const packages = await listPackages(gateway);
        if (!packages.some((known) => known.name === name)) throw unknownPackage(name, packages);
      }
      if (options.json) for (const each of admissions) terminal.out(JSON.stringify(toJson(AdmissionSchema, each)));
      else print(admissions, more, terminal);
    });

const print = (admissions: readonly Admission[], more: boolean, { out, err, outColors }: Terminal): void => {
  if (admissions.length === 0) {
    err("Nothing was decided.");
    return;
  }
  const columns = ["TIME", "PACKAGE", "CONTRACT", "BY", "OUTCOME", "TIMES", "OVERRIDE"].map((heading) => ({ heading }));
  const rows = admissions.map((each) => [
    dateText(each.createTime),
    each.package,
    shortHash(each.contractHash),
    `${each.serviceName} ${each.serviceVersion}`,
    outcomeText(each, outColors),
    timesText(each),
    each.overrideId,
  ]);
  const [heading = "", ...lines] = formatTable(columns, rows, outColors.bold);
  out(heading);
  for (const [index, line] of lines.entries()) {
    out(line);
    for (const violation of admissions[index]?.violations ?? []) out(`    ${violationLine(violation)}`);
  }
  if (more) err("There are more: -n shows them.");
};

/** `12, last 2026-11-21 12:17:26.683` */
const timesText = ({ count: times, createTime, updateTime }: Admission): string => {
  if (createTime === undefined || updateTime === undefined || timestampMs(createTime) === timestampMs(updateTime)) {
    return `${times}`;
  }
  return `${times}, last ${dateText(updateTime)}`;
};

const outcomeText = ({ outcome, pending }: Admission, colors: Colors): string => {
  if (outcome === AdmissionOutcome.REFUSED) return colors.red(pending ? "refused, tries again" : "refused");
  return outcome === AdmissionOutcome.OVERRIDDEN ? colors.yellow(outcomeName(outcome)) : outcomeName(outcome);
};
