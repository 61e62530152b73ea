import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { type ActionSchema, type Rule, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { nearestName } from "@heddle/mesh/contract";
import { plainVersion } from "@heddle/mesh/policy";
import { InvalidArgumentError, Option } from "commander";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";
import { listInstances } from "./registry.ts";
import { DAY_MS, parseDurationMs } from "./units.ts";

/** What a rule does, as a request gives it. */
export type NewAction = MessageInitShape<typeof ActionSchema>;

/** The traffic of a mesh, as its gateway directs it. */
export const trafficOf = (gateway: string): Client<typeof TrafficService> =>
  createClient(TrafficService, gatewayTransport(gateway));

/** The rules in force, oldest first. */
export const activeRules = async (gateway: string): Promise<Rule[]> => {
  const client = trafficOf(gateway);
  const rules: Rule[] = [];
  const ask = (pageToken: string) => client.listRules({ active: true, pageSize: 500, pageToken });
  for await (const page of pagesOf(ask)) rules.push(...page.rules);
  return rules.reverse();
};

/** What is to be said of versions that calls are sent to and that have no instance now, one line each. */
export const missingVersions = async (
  gateway: string,
  service: string,
  versions: readonly string[],
): Promise<string[]> => {
  const instances = (await listInstances(gateway)) ?? [];
  const names = [...new Set(instances.map(({ serviceName }) => serviceName))];
  if (!names.includes(service)) {
    const nearest = nearestName(service, names);
    return [`No instance of ${service} runs now.${nearest === undefined ? "" : ` Did you mean ${nearest}?`}`];
  }
  const there = new Set(
    instances.filter(({ serviceName }) => serviceName === service).map(({ version }) => plainVersion(version)),
  );
  const missing = [...new Set(versions.map(plainVersion))].filter((version) => !there.has(version));
  return missing.map(
    (version) =>
      `${service} ${version} has no instance now: until it has, it gets nothing, and the calls go to the others (${[...there].join(", ")}).`,
  );
};

/** A share such as `5`, `0.5` or `5%`, of 100 calls. Throws an InvalidArgumentError when it is none. */
export const parsePercent = (text: string): number => {
  const percent = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : 0;
  if (percent <= 0 || percent > 100)
    throw new InvalidArgumentError("Write a number above 0 and up to 100, of 100 calls.");
  return percent;
};

/** `name=value` of a header. Throws an InvalidArgumentError when it is none. */
export const parseHeaderMatch = (text: string): { name: string; value: string } => {
  const equals = text.indexOf("=");
  const [name, value] = [text.slice(0, equals).toLowerCase(), text.slice(equals + 1)];
  if (equals < 0 || !/^[a-z0-9][a-z0-9_-]{0,63}$/.test(name) || value === "") {
    throw new InvalidArgumentError("Write it like x-canary=1.");
  }
  return { name, value };
};

/** `--for`: how long rules are in force; `daysMax` as the contract says. */
export const lifetimeOption = (what: string, daysMax: number): Option =>
  new Option("--for <duration>", `how long, such as 30m or 2h, at most ${daysMax}d (default: ${what})`).argParser(
    (text: string) => {
      const ms = parseDurationMs(text);
      if (ms === undefined || ms <= 0 || ms > daysMax * DAY_MS) {
        throw new InvalidArgumentError(`Write it like 30m or 2h, at most ${daysMax}d.`);
      }
      return ms;
    },
  );

/** `--reason`. */
export const reasonOption = (): Option => new Option("--reason <why>", "why; kept with the rule").default("", "none");
