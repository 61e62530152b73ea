import { type Subscription, SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { nearestName } from "@heddle/mesh/contract";
import { systemRuntime } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption, timeoutOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { lagMsOf, stateName, subscriptionsOf } from "../../subscriptions.ts";
import { processTerminal } from "../../terminal.ts";
import { formatDuration } from "../../units.ts";
import { reportsOf } from "./events-status.ts";

/** Milliseconds between looks at the progress, and between its lines. */
const LOOK_MS = 100;
const LINE_MS = 2_000;

interface Options {
  readonly wait: boolean;
  readonly timeout: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle events rebuild`: folds a view again from all events, while the one in force answers. */
export const rebuildCommand = (): Command =>
  new Command("rebuild")
    .description(
      "Fold a view again from the first event of each service, while the old one answers, then put it in force.",
    )
    .argument("<view>", "the view, such as overview")
    .option("--no-wait", "return when it has begun; heddle events status shows how it goes")
    .addOption(timeoutOption("how long to wait; it goes on afterwards", 3_600_000))
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle events rebuild overview\n  heddle events rebuild overview --no-wait")
    .action(async (view: string, options: Options) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const service = await ownerOf(gateway, view);
      const runtime = systemRuntime();
      const client = subscriptionsOf(gateway, service);
      const startMs = runtime.clock.monotonicMs();
      const { generation } = await orFailure(
        SubscriptionService.method.rebuildView,
        client.rebuildView({ view, requestId: runtime.ids.uuid() }),
        terminal,
        options.json,
      );
      if (!options.wait) {
        if (options.json) terminal.out(JSON.stringify({ view, generation, done: false }));
        else
          terminal.out(`Generation ${generation} of ${view} is being built; heddle events status shows how it goes.`);
        return;
      }
      let lineMs = Number.NEGATIVE_INFINITY;
      for (;;) {
        const nowMs = runtime.clock.monotonicMs();
        const { subscriptions } = await orFailure(
          SubscriptionService.method.listSubscriptions,
          client.listSubscriptions({ pageSize: 1000 }),
          terminal,
          options.json,
        );
        const own = subscriptions.filter((each) => each.view === view && each.generation === generation);
        const events = sumOf(own, ({ eventsApplied }) => eventsApplied);
        const seconds = Math.max(1, Math.round(nowMs - startMs)) / 1_000;
        const rate = Math.round(events / seconds);
        if (own.length > 0 && own.every(({ inForce }) => inForce)) {
          if (options.json)
            terminal.out(JSON.stringify({ view, generation, done: true, events, seconds, eventsPerSecond: rate }));
          else
            terminal.out(
              `Generation ${generation} of ${view} is in force: ${count(events)} events in ${formatDuration(seconds * 1_000)}, ${count(rate)}/s.`,
            );
          return;
        }
        if (seconds * 1_000 > options.timeout) {
          throw new Failure(`${view} is still being built after ${formatDuration(options.timeout)}.`, {
            next: "It goes on; heddle events status shows how.",
          });
        }
        if (nowMs - lineMs >= LINE_MS) {
          lineMs = nowMs;
          terminal.err(progress(own, events, rate));
        }
        await runtime.timers.sleep(LOOK_MS);
      }
    });

/** The service that keeps a view. */
const ownerOf = async (gateway: string, view: string): Promise<string> => {
  const reports = await reportsOf(gateway, []);
  const owner = reports.find(({ subscriptions }) => subscriptions.some((each) => each.view === view));
  if (owner !== undefined) return owner.service;
  const views = [...new Set(reports.flatMap(({ subscriptions }) => subscriptions.map((each) => each.view)))].filter(
    Boolean,
  );
  const nearest = nearestName(view, views);
  const silent = reports.filter(({ silence }) => silence !== undefined).map(({ service }) => service);
  throw new Failure(
    `No service that answers keeps a view ${view}.${silent.length > 0 ? ` ${silent.join(", ")} did not answer.` : ""}`,
    { next: nearest ? `Did you mean ${nearest}?` : `Known are ${views.join(", ") || "none"}.` },
  );
};

const progress = (own: readonly Subscription[], events: number, rate: number): string => {
  const total = sumOf(own, ({ feedLastSequence }) => feedLastSequence);
  const passed = sumOf(own, ({ appliedSequence }) => appliedSequence);
  const ill = own.filter(({ state }) => !["rebuilding", "connected"].includes(stateName(state)));
  const troubles = ill.map(
    (each) => `${each.source} is ${stateName(each.state)}${each.lastError && `: ${each.lastError}`}`,
  );
  const share = total === 0 ? "" : ` of ${count(total)}`;
  const lag = Math.max(0, ...own.map(lagMsOf));
  return [
    `${count(passed)}${share} events passed, ${count(events)} applied, ${count(rate)}/s, lag ${formatDuration(lag)}`,
    ...troubles,
  ].join("; ");
};

const sumOf = (all: readonly Subscription[], of: (each: Subscription) => bigint): number =>
  all.reduce((sum, each) => sum + Number(of(each)), 0);

const count = (value: number): string => value.toLocaleString("en-US");
