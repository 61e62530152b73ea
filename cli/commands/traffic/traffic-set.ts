import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command, InvalidArgumentError, Option } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { actionText } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import {
  lifetimeOption,
  missingVersions,
  type NewAction,
  parseHeaderMatch,
  reasonOption,
  trafficOf,
} from "../../traffic.ts";

interface VersionWeight {
  readonly version: string;
  readonly weight: number;
}

interface HeaderTo {
  readonly header: { readonly name: string; readonly value: string };
  readonly version: string;
}

interface Options {
  readonly header?: readonly HeaderTo[];
  readonly reason: string;
  readonly for?: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle traffic set`. */
export const trafficSetCommand = (): Command =>
  new Command("set")
    .description("Share the calls of a service among its versions, or send those with a header to a version.")
    .argument("<service>", "such as order")
    .argument("[version=weight...]", "such as v1.3.0=90 v1.4.0=10", versionWeight)
    .addOption(
      new Option(
        "--header <name=value:version>",
        "sends calls with this header to a version; may be repeated",
      ).argParser(headerTo),
    )
    .addOption(lifetimeOption("until it is cleared", 30))
    .addOption(reasonOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Weights are shares of their sum. The new split takes the place of the one before, a header's rule that of the same header and value.
A version without instances gives its share to the others. Retries of a call stay with its version while that has an instance.

Examples:
  heddle traffic set order v1.3.0=90 v1.4.0=10
  heddle traffic set order v1.4.0=1 --reason "1.4.0 is well" --for 2h
  heddle traffic set order --header x-canary=1:v1.4.0`,
    )
    .action(
      async (service: string, weights: readonly VersionWeight[] | undefined, options: Options, command: Command) => {
        const versions = weights ?? [];
        const headers = options.header ?? [];
        if (versions.length === 0 && headers.length === 0) {
          command.error("error: say which versions get which share, such as v1.3.0=90 v1.4.0=10, or give --header");
        }
        const actions: NewAction[] = [
          ...(versions.length === 0
            ? []
            : [{ kind: { case: "split" as const, value: { service, versions: [...versions] } } }]),
          ...headers.map((each) => ({ kind: { case: "headerRoute" as const, value: { service, ...each } } })),
        ];
        const gateway = chosenGateway(options.gateway);
        const terminal = processTerminal();
        const call = trafficOf(gateway).createRules({
          actions,
          reason: options.reason,
          ...(options.for === undefined ? {} : { lifetime: durationFromMs(options.for) }),
        });
        const { rules } = await orFailure(TrafficService.method.createRules, call, terminal, options.json);
        for (const rule of rules) {
          terminal.out(options.json ? JSON.stringify(toJson(RuleSchema, rule)) : actionText(rule.action));
        }
        const wanted = [...versions.filter(({ weight }) => weight > 0), ...headers].map(({ version }) => version);
        for (const line of await missingVersions(gateway, service, wanted)) terminal.err(line);
        terminal.err(`next:  heddle traffic show ${service}; heddle traffic clear ${service} takes it back`);
      },
    );

function versionWeight(text: string, before: readonly VersionWeight[] | undefined): VersionWeight[] {
  const [, version, weight] = /^([^=\s]{1,64})=(\d{1,7})$/.exec(text) ?? [];
  if (version === undefined || Number(weight) > 1_000_000) {
    throw new InvalidArgumentError("Write it like v1.4.0=10, the weight a whole number up to 1,000,000.");
  }
  return [...(before ?? []), { version, weight: Number(weight) }];
}

function headerTo(text: string, before: readonly HeaderTo[] | undefined): HeaderTo[] {
  const colon = text.lastIndexOf(":");
  const version = text.slice(colon + 1);
  if (colon < 0 || version === "") throw new InvalidArgumentError("Write it like x-canary=1:v1.4.0.");
  return [...(before ?? []), { header: parseHeaderMatch(text.slice(0, colon)), version }];
}
