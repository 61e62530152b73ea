import { toJson } from "@bufbuild/protobuf";
import { ContractService, type Override, OverrideSchema, OverrideState } from "@heddle/contracts/heddle/contract/v1";
import { Command } from "commander";
import { contractsOf, shortHash } from "../../contracts.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { dateText } from "../../saga-lines.ts";
import { formatTable } from "../../table.ts";
import { processTerminal } from "../../terminal.ts";

/** `heddle contracts overrides`. */
export const contractsOverridesCommand = (): Command =>
  new Command("overrides")
    .description("Show the last 500 overrides, latest first: those that can let a contract in, and those that did.")
    .argument("[package]", "such as customer.v1; all by default")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle contracts overrides\n  heddle contracts overrides customer.v1 --json | jq -r .reason",
    )
    .action(async (name: string | undefined, options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const list = contractsOf(chosenGateway(options.gateway)).listOverrides({ pageSize: 500, package: name ?? "" });
      const { overrides } = await orFailure(ContractService.method.listOverrides, list, terminal, options.json);
      if (options.json) {
        for (const each of overrides) terminal.out(JSON.stringify(toJson(OverrideSchema, each)));
        return;
      }
      if (overrides.length === 0) {
        terminal.err("There is no override.");
        return;
      }
      const columns = ["OVERRIDE", "PACKAGE", "CONTRACT", "STATE", "MADE", "BY", "ENDS", "REASON"].map((heading) => ({
        heading,
      }));
      for (const line of formatTable(columns, overrides.map(cells), terminal.outColors.bold)) terminal.out(line);
    });

const cells = (override: Override): string[] => [
  override.id,
  override.package,
  shortHash(override.usedContractHash || override.contractHash) || "any",
  stateText(override),
  dateText(override.createTime),
  override.creator,
  dateText(override.expireTime),
  override.reason,
];

const stateText = ({ state, useTime, revokeTime, revoker }: Override): string => {
  const name = (OverrideState[state] ?? "unknown").toLowerCase();
  const time = useTime ?? revokeTime;
  const by = revoker === "" ? "" : ` by ${revoker}`;
  return time === undefined ? name : `${name} ${dateText(time)}${by}`;
};
