import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { codeFromString, codeToString } from "@connectrpc/connect/protocol-connect";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command, InvalidArgumentError, Option } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { actionText } from "../../rule-lines.ts";
import { dateText } from "../../saga-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { lifetimeOption, parseHeaderMatch, parsePercent, reasonOption, trafficOf } from "../../traffic.ts";
import { parseDurationMs } from "../../units.ts";

/** As the contract says. */
const DELAY_MS_MAX = 10 * 60_000;

interface Options {
  readonly abort?: Code;
  readonly delay?: number;
  readonly share: number;
  readonly header?: { readonly name: string; readonly value: string };
  readonly reason: string;
  readonly for?: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle fault add`. */
export const faultAddCommand = (): Command =>
  new Command("add")
    .description("Delay or fail a share of the calls of a method, or of all of a service, for a time.")
    .argument("<method>", "such as order.v1.OrderService/PlaceOrder, or order.v1.OrderService for each of its methods")
    .addOption(new Option("--abort <code>", "fail with this gRPC code, such as unavailable or 14").argParser(code))
    .addOption(new Option("--delay <duration>", "hold a call first, such as 200ms, at most 10m").argParser(delay))
    .addOption(new Option("--share <percent>", "how many of 100 calls").default(100, "100").argParser(parsePercent))
    .addOption(new Option("--header <name=value>", "calls with this header alone").argParser(parseHeaderMatch))
    .addOption(lifetimeOption("10m", 1))
    .addOption(reasonOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Callers get the reason FAULT_INJECTED with the rule's id. Where several faults would hit one call, the oldest does.

Examples:
  heddle fault add order.v1.OrderService/PlaceOrder --abort unavailable --share 10 --for 5m
  heddle fault add customer.v1.CustomerService --delay 300ms --header x-drill=1
  heddle fault add billing.v1.BillingService --delay 2s --abort deadline_exceeded --reason "drill of May"`,
    )
    .action(async (target: string, options: Options, command: Command) => {
      if (options.abort === undefined && options.delay === undefined) {
        command.error("error: say what befalls the calls: --abort, --delay, or both");
      }
      const terminal = processTerminal();
      const value = {
        target,
        percent: options.share,
        abortCode: options.abort ?? 0,
        ...(options.header && { header: options.header }),
        ...(options.delay === undefined ? {} : { delay: durationFromMs(options.delay) }),
      };
      const call = trafficOf(chosenGateway(options.gateway)).createRules({
        actions: [{ kind: { case: "fault", value } }],
        reason: options.reason,
        ...(options.for === undefined ? {} : { lifetime: durationFromMs(options.for) }),
      });
      const { rules } = await orFailure(TrafficService.method.createRules, call, terminal, options.json);
      for (const rule of rules) {
        const text = `${rule.id}  ${actionText(rule.action)}, until ${dateText(rule.expireTime)}`;
        terminal.out(options.json ? JSON.stringify(toJson(RuleSchema, rule)) : text);
        terminal.err(`next:  heddle fault remove ${rule.id} ends it`);
      }
    });

function code(text: string): Code {
  const found = /^\d+$/.test(text) ? Number(text) : codeFromString(text.toLowerCase());
  // British and American: gRPC writes CANCELLED, Connect canceled.
  const known = text.toLowerCase() === "cancelled" ? Code.Canceled : found;
  if (known === undefined || Code[known] === undefined) {
    const names = Object.values(Code).filter((each) => typeof each === "number");
    throw new InvalidArgumentError(`Write one of ${names.map((each) => codeToString(each as Code)).join(", ")}.`);
  }
  return known;
}

function delay(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0 || ms > DELAY_MS_MAX) {
    throw new InvalidArgumentError("Write it like 200ms or 2s, at most 10m.");
  }
  return ms;
}
