import { toJson } from "@bufbuild/protobuf";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { actionText } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { trafficOf } from "../../traffic.ts";

/** `heddle traffic clear`. */
export const trafficClearCommand = (): Command =>
  new Command("clear")
    .description("End the split, the header rules and the mirror of a service: all its versions share its calls again.")
    .argument("<service>", "such as order")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle traffic clear order")
    .action(async (service: string, options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const call = trafficOf(chosenGateway(options.gateway)).endRules({ service });
      const { rules } = await orFailure(TrafficService.method.endRules, call, terminal, options.json);
      for (const rule of rules) {
        terminal.out(options.json ? JSON.stringify(toJson(RuleSchema, rule)) : `ended  ${actionText(rule.action)}`);
      }
      if (rules.length === 0 && !options.json) terminal.err(`No rule directed the calls of ${service}.`);
    });
