import { toJson } from "@bufbuild/protobuf";
import { ContractService, type PackageSummary, PackageSummarySchema } from "@heddle/contracts/heddle/contract/v1";
import { Command } from "commander";
import { listPackages, shortHash } from "../../contracts.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { dateText } from "../../saga-lines.ts";
import { formatTable } from "../../table.ts";
import { processTerminal, type Terminal } from "../../terminal.ts";

/** `heddle contracts list`. */
export const contractsListCommand = (): Command =>
  new Command("list")
    .description("List the package versions that were ever admitted, with the contract in force and what runs of each.")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle contracts list\n  heddle contracts list --json | jq -r 'select(.offers | length > 1) | .name'",
    )
    .action(async (options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const list = listPackages(chosenGateway(options.gateway));
      const packages = await orFailure(ContractService.method.listPackages, list, terminal, options.json);
      if (options.json) for (const each of packages) terminal.out(JSON.stringify(toJson(PackageSummarySchema, each)));
      else print(packages, terminal);
    });

const print = (packages: readonly PackageSummary[], { out, err, outColors }: Terminal): void => {
  if (packages.length === 0) {
    err("No contract was admitted yet.");
    return;
  }
  const columns = ["PACKAGE", "CONTRACT", "IN FORCE SINCE", "SERVICES", "OFFERED BY"].map((heading) => ({ heading }));
  const rows = packages.map(({ name, contractHash, updateTime, services, offers }) => [
    name,
    shortHash(contractHash),
    dateText(updateTime),
    services.map((service) => service.slice(name.length + 1)).join(", "),
    offersText(contractHash, offers),
  ]);
  for (const line of formatTable(columns, rows, outColors.bold)) out(line);
};

/** `customer 1.2.0 (2), customer 1.1.0 with 0123abcd4567`: who brings the contract in force, and who another. */
const offersText = (inForce: string, offers: PackageSummary["offers"]): string => {
  if (offers.length === 0) return "nobody";
  return offers
    .map(({ contractHash, instanceCount, offeredBy }) => {
      const count = instanceCount > offeredBy.length ? ` (${instanceCount})` : "";
      const other = contractHash === inForce ? "" : ` with ${shortHash(contractHash)}`;
      return `${offeredBy.join(", ")}${count}${other}`;
    })
    .join("; ");
};
