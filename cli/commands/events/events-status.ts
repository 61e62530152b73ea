import { type Subscription, SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { Command } from "commander";
import { EXIT } from "../../exit-code.ts";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { listInstances } from "../../registry.ts";
import { isAlarm, lagMsOf, listSubscriptions, type SubscriptionReport, stateName } from "../../subscriptions.ts";
import { formatTable } from "../../table.ts";
import { processTerminal, type Terminal } from "../../terminal.ts";
import { formatDuration } from "../../units.ts";

/** `heddle events status`: how far each service has come in the events of others. */
export const eventsStatusCommand = (): Command =>
  new Command("status")
    .description(
      "Show how far services have come in each other's events. Exit status 1 when one is stalled or diverged.",
    )
    .argument("[services...]", "services that subscribe; all by default")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle events status\n  heddle events status overview --json | jq '.[].subscriptions[] | {source, lagMs}'",
    )
    .action(async (services: string[], options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const reports = await reportsOf(gateway, services);
      if (options.json) terminal.out(JSON.stringify(reports.map(reportJson)));
      else print(reports, terminal);
      const well = reports.every(({ silence, subscriptions }) => silence === undefined && !subscriptions.some(isAlarm));
      process.exitCode = well ? EXIT.ok : EXIT.failed;
    });

/** What services say of their subscriptions; a failure where the gateway is away, or one of the services subscribes to nothing. */
export const reportsOf = async (gateway: string, services: readonly string[]): Promise<SubscriptionReport[]> => {
  const instances = await listInstances(gateway);
  if (instances === undefined)
    throw new Failure(`The gateway does not answer at ${gateway}.`, { next: "heddle status shows what runs." });
  const reports = await listSubscriptions(gateway, instances);
  const known = reports.map(({ service }) => service);
  const unknown = services.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Failure(`${unknown.join(", ")} follows no events.`, {
      next: known.length > 0 ? `These do: ${known.join(", ")}.` : "No service that runs does.",
    });
  }
  return reports.filter(({ service }) => services.length === 0 || services.includes(service));
};

const reportJson = ({ service, subscriptions, silence }: SubscriptionReport) => ({
  service,
  answers: silence === undefined,
  subscriptions: subscriptions.map(subscriptionJson),
});

/** A subscription as programs read it. */
const subscriptionJson = (subscription: Subscription) => ({
  source: subscription.source,
  view: subscription.view,
  generation: subscription.generation,
  inForce: subscription.inForce,
  state: stateName(subscription.state),
  appliedSequence: Number(subscription.appliedSequence),
  feedLastSequence: Number(subscription.feedLastSequence),
  lagMs: Math.round(lagMsOf(subscription)),
  waiting: Number(subscription.waiting),
  deadLetters: Number(subscription.deadLetters),
  eventsApplied: Number(subscription.eventsApplied),
  lastError: subscription.lastError,
});

const print = (reports: readonly SubscriptionReport[], { out, err, outColors, errColors }: Terminal): void => {
  const columns = [
    { heading: "SERVICE" },
    { heading: "FOLLOWS" },
    { heading: "FOR" },
    { heading: "STATE" },
    { heading: "APPLIED", align: "right" as const },
    { heading: "OF", align: "right" as const },
    { heading: "LAG", align: "right" as const },
    { heading: "WAITING", align: "right" as const },
    { heading: "DEAD", align: "right" as const },
  ];
  const cells = reports.flatMap(({ service, subscriptions, silence }) =>
    silence === undefined
      ? subscriptions.map((subscription) => [
          service,
          subscription.source,
          forWhat(subscription),
          isAlarm(subscription) ? outColors.red(stateName(subscription.state)) : stateName(subscription.state),
          String(subscription.appliedSequence),
          String(subscription.feedLastSequence || ""),
          formatDuration(lagMsOf(subscription)),
          String(subscription.waiting || ""),
          String(subscription.deadLetters || ""),
        ])
      : [[service, "", "", outColors.red("no answer")]],
  );
  if (cells.length === 0) err("No service that runs follows events.");
  else for (const line of formatTable(columns, cells, outColors.bold)) out(line);
  for (const { service, subscriptions, silence } of reports) {
    if (silence !== undefined) err(`${errColors.red(service)} does not answer: ${silence}`);
    for (const subscription of subscriptions) {
      for (const line of advice(service, subscription)) err(line);
    }
  }
};

const forWhat = ({ view, generation, inForce }: Subscription): string =>
  view === "" ? "handlers" : `${view} ${generation}${inForce ? "" : " (being built)"}`;

/** What to do about a subscription that is not well. */
const advice = (service: string, subscription: Subscription): string[] => {
  const { source, view, state, deadLetters, lastError, appliedSequence } = subscription;
  const lines: string[] = [];
  if (state === SubscriptionState.DIVERGED) {
    const mend =
      view === ""
        ? `heddle events resume ${service} ${source} --after <sequence> --reason <why>`
        : `heddle events rebuild ${view}`;
    lines.push(
      `${service} applied ${source} up to ${appliedSequence}, and the feed holds something else: ${lastError}`,
    );
    lines.push(`next:  restore the newer copy of ${source}, or ${mend}`);
  } else if (state === SubscriptionState.STALLED || state === SubscriptionState.RETRYING) {
    lines.push(`${service} does not get on with ${source}: ${lastError || "it waits"}`);
  }
  if (deadLetters > 0n) lines.push(`next:  heddle events dead-letters ${service}`);
  return lines;
};
