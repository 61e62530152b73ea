import { toJson } from "@bufbuild/protobuf";
import { ComparisonSchema, type Rule, RuleSchema, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { comparisonLines, ruleLines } from "../../rule-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { activeRules, missingVersions, trafficOf } from "../../traffic.ts";

/** `heddle traffic show`. */
export const trafficShowCommand = (): Command =>
  new Command("show")
    .description("Show which version gets which calls, and how mirrored versions answer.")
    .argument("[service]", "such as order; all by default")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle traffic show\n  heddle traffic show order --json | jq .action.split")
    .action(async (service: string | undefined, options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const { listRules, listComparisons } = TrafficService.method;
      const all = await orFailure(listRules, activeRules(gateway), terminal, options.json);
      const rules = all.filter((rule) => {
        const owner = serviceOf(rule);
        return owner !== undefined && (service === undefined || owner === service);
      });
      const asked = trafficOf(gateway).listComparisons({ service: service ?? "", pageSize: 500 });
      const { comparisons } = await orFailure(listComparisons, asked, terminal, options.json);
      if (options.json) {
        for (const rule of rules) terminal.out(JSON.stringify(toJson(RuleSchema, rule)));
        for (const each of comparisons) terminal.out(JSON.stringify(toJson(ComparisonSchema, each)));
        return;
      }
      if (rules.length === 0) {
        terminal.err(
          `No rule directs the calls${service === undefined ? "" : ` of ${service}`}: all versions share them.`,
        );
      } else {
        for (const line of ruleLines(rules, terminal.outColors)) terminal.out(line);
      }
      for (const line of comparisonLines(comparisons, terminal.outColors)) terminal.out(line);
      for (const [name, versions] of versionsOf(rules)) {
        for (const line of await missingVersions(gateway, name, versions)) terminal.err(line);
      }
    });

/** The service whose calls a rule directs; undefined for faults. */
const serviceOf = ({ action }: Rule): string | undefined => {
  const kind = action?.kind;
  return kind?.case === undefined || kind.case === "fault" ? undefined : kind.value.service;
};

/** The versions that rules send calls to, by service. */
const versionsOf = (rules: readonly Rule[]): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const { action } of rules) {
    const kind = action?.kind;
    if (kind?.case === undefined || kind.case === "fault") continue;
    const versions =
      kind.case === "split"
        ? kind.value.versions.filter(({ weight }) => weight > 0).map(({ version }) => version)
        : [kind.value.version];
    found.set(kind.value.service, [...(found.get(kind.value.service) ?? []), ...versions]);
  }
  return found;
};
