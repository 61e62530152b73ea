import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command, Option } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { actionText } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { lifetimeOption, missingVersions, parsePercent, reasonOption, trafficOf } from "../../traffic.ts";

interface Options {
  readonly share: number;
  readonly method?: readonly string[];
  readonly reason: string;
  readonly for?: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle traffic mirror`. */
export const trafficMirrorCommand = (): Command =>
  new Command("mirror")
    .description("Copy a share of a service's calls to a version, discard its answers, and compare their shape.")
    .argument("<service>", "such as order")
    .argument("<version>", "such as v1.4.0")
    .addOption(new Option("--share <percent>", "how many of 100 calls").default(1, "1").argParser(parsePercent))
    .addOption(
      new Option(
        "--method <method...>",
        "also copy this method, such as order.v1.OrderService/PlaceOrder: it is done twice",
      ),
    )
    .addOption(lifetimeOption("until it is cleared", 30))
    .addOption(reasonOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Copied are unary calls of methods with NO_SIDE_EFFECTS, after their callers have been answered. A version that is copied to gets calls
of its own as well, unless a split gives it none: heddle traffic set order v1.3.0=1 v1.4.0=0.

Examples:
  heddle traffic mirror order v1.4.0 --share 5
  heddle traffic mirror order v1.4.0 --share 100 --for 10m
  heddle traffic show order`,
    )
    .action(async (service: string, version: string, options: Options) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const value = { service, version, percent: options.share, methods: [...(options.method ?? [])] };
      const call = trafficOf(gateway).createRules({
        actions: [{ kind: { case: "mirror", value } }],
        reason: options.reason,
        ...(options.for === undefined ? {} : { lifetime: durationFromMs(options.for) }),
      });
      const { rules } = await orFailure(TrafficService.method.createRules, call, terminal, options.json);
      for (const rule of rules) {
        terminal.out(options.json ? JSON.stringify(toJson(RuleSchema, rule)) : actionText(rule.action));
      }
      for (const line of await missingVersions(gateway, service, [version])) terminal.err(line);
      terminal.err(`next:  heddle traffic show ${service} tells how the answers compare`);
    });
