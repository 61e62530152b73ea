import { toJson } from "@bufbuild/protobuf";
import { type MethodPolicy, MethodPolicySchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../mesh-options.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { orFailure } from "../rpc-failure.ts";
import { ruleLines } from "../rule-lines.ts";
import { formatTable } from "../table.ts";
import { type Colors, processTerminal } from "../terminal.ts";
import { trafficOf } from "../traffic.ts";

/** `heddle policy`. */
export const policyCommand = (): Command =>
  new Command("policy")
    .description("Show what is in force for the calls of a method, or of each method of a service, and why.")
    .argument("<method>", "such as order.v1.OrderService/PlaceOrder, or order.v1.OrderService")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle policy order.v1.OrderService/PlaceOrder
  heddle policy order.v1.OrderService --json | jq -r '.method + " " + (.settings[] | select(.name == "deadline").value)'`,
    )
    .action(async (target: string, options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const call = trafficOf(chosenGateway(options.gateway)).getPolicy({ target });
      const { policies } = await orFailure(TrafficService.method.getPolicy, call, terminal, options.json);
      policies.forEach((policy, index) => {
        if (options.json) {
          terminal.out(JSON.stringify(toJson(MethodPolicySchema, policy)));
          return;
        }
        if (index > 0) terminal.out("");
        for (const line of policyLines(policy, terminal.outColors)) terminal.out(line);
      });
    });

const policyLines = ({ method, settings, rules, targets }: MethodPolicy, colors: Colors): string[] => {
  const columns = ["SETTING", "IN FORCE", "WHY"].map((heading) => ({ heading }));
  const targetColumns = ["INSTANCE", "VERSION", "ADDRESS", "CONDITION"].map((heading) => ({ heading }));
  const rows = targets.map(({ instanceId, service, version, address, condition }) => [
    instanceId,
    `${service} ${version}`,
    address,
    condition,
  ]);
  return [
    colors.bold(method),
    ...formatTable(
      columns,
      settings.map(({ name, value, why }) => [name, value, why]),
      colors.dim,
    ),
    ...(rules.length === 0 ? ["No traffic rule concerns it."] : ruleLines(rules, colors)),
    ...(targets.length === 0 ? ["No instance takes its calls now."] : formatTable(targetColumns, rows, colors.dim)),
  ];
};
