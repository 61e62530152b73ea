import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { Command, Option } from "commander";
import { sequenceNumber } from "../../dead-letter-options.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { subscriptionsOf } from "../../subscriptions.ts";
import { processTerminal } from "../../terminal.ts";

interface Options {
  readonly after: bigint;
  readonly reason: string;
  readonly view?: string;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle events resume`: lets a diverged subscription go on. */
export const resumeCommand = (): Command =>
  new Command("resume")
    .description(
      "Let a subscription go on whose feed diverged, as after a restore from an older copy. What took effect stays; the decision is recorded.",
    )
    .argument("<service>", "the service that follows")
    .argument("<source>", "the service whose feed diverged")
    .addOption(
      new Option("--after <sequence>", "the last event of the feed, as it is now, that counts as applied")
        .argParser(sequenceNumber)
        .makeOptionMandatory(),
    )
    .requiredOption("--reason <why>", "for the record")
    .option("--view <view>", "the view that follows; by default the handlers. A view is better rebuilt")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle events resume creditscore billing --after 4711 --reason 'billing restored from 03:00, ticket 12'",
    )
    .action(async (service: string, source: string, options: Options) => {
      const terminal = processTerminal();
      const client = subscriptionsOf(chosenGateway(options.gateway), service);
      const { after: afterSequence, reason, view = "" } = options;
      const call = client.resumeSubscription({
        source,
        view,
        afterSequence,
        reason,
        requestId: systemRuntime().ids.uuid(),
      });
      await orFailure(SubscriptionService.method.resumeSubscription, call, terminal, options.json);
      if (options.json) terminal.out(JSON.stringify({ service, source, view, after: Number(afterSequence) }));
      else terminal.out(`${service} follows ${source} again, from event ${afterSequence + 1n} on.`);
    });
