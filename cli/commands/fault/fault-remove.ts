import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command } from "commander";
import { rpcExitCode } from "../../exit-code.ts";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { actionText } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { activeRules, trafficOf } from "../../traffic.ts";

interface Options {
  readonly all?: boolean;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle fault remove`. */
export const faultRemoveCommand = (): Command =>
  new Command("remove")
    .description("End faults at once.")
    .argument("[id...]", "the faults' ids, as heddle fault list shows them")
    .option("--all", "all that are in force")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle fault remove rul_01h…\n  heddle fault remove --all")
    .action(async (ids: readonly string[], options: Options, command: Command) => {
      if (ids.length > 0 === (options.all === true)) command.error("error: name the faults, or give --all");
      const terminal = processTerminal();
      const gateway = chosenGateway(options.gateway);
      const { listRules, endRules } = TrafficService.method;
      const rules = options.all ? await orFailure(listRules, activeRules(gateway), terminal, options.json) : [];
      const all = rules.filter(({ action }) => action?.kind.case === "fault").map(({ id }) => id);
      const ruleIds = options.all ? all : [...new Set(ids)];
      if (ruleIds.length === 0) {
        terminal.err("No fault is in force.");
        return;
      }
      const call = trafficOf(gateway)
        .endRules({ ruleIds })
        .catch((error: unknown) => {
          if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
          throw new Failure(`${error.rawMessage} None was ended.`, {
            next: "heddle fault list shows those there are.",
            exitCode: rpcExitCode(error.code),
          });
        });
      const reply = await orFailure(endRules, call, terminal, options.json);
      for (const rule of reply.rules) {
        terminal.out(options.json ? JSON.stringify(toJson(RuleSchema, rule)) : `ended  ${actionText(rule.action)}`);
      }
    });
