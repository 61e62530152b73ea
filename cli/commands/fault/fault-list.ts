import { toJson } from "@bufbuild/protobuf";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { ruleLines } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { activeRules } from "../../traffic.ts";

/** `heddle fault list`. */
export const faultListCommand = (): Command =>
  new Command("list")
    .description("Show the faults in force, oldest first.")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle fault list\n  heddle fault list --json | jq -r .id")
    .action(async (options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const asked = activeRules(chosenGateway(options.gateway));
      const rules = await orFailure(TrafficService.method.listRules, asked, terminal, options.json);
      const faults = rules.filter(({ action }) => action?.kind.case === "fault");
      if (options.json) {
        for (const rule of faults) terminal.out(JSON.stringify(toJson(RuleSchema, rule)));
      } else if (faults.length === 0) {
        terminal.err("No fault is in force.");
      } else {
        for (const line of ruleLines(faults, terminal.outColors)) terminal.out(line);
      }
    });
