import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { Command } from "commander";
import { addDeadLetterOptions, type DeadLetterChoice } from "../../dead-letter-options.ts";
import { usageFailure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { subscriptionsOf } from "../../subscriptions.ts";
import { processTerminal } from "../../terminal.ts";

interface Options extends DeadLetterChoice {
  readonly reason: string;
  readonly all?: boolean;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle events skip`: gives dead letters up, on the record. */
export const skipCommand = (): Command =>
  addDeadLetterOptions(new Command("skip"), { withSequence: true })
    .description(
      "Give dead letters up: they never take effect. What, when and why is recorded; those held behind them go on.",
    )
    .argument("<service>", "the service that could not apply them")
    .requiredOption("--reason <why>", "for the record")
    .option("--all", "every dead letter that the other options choose")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle events skip creditscore --sequence 4711 --reason 'test data, ticket 12'\n  heddle events skip creditscore --source billing --all --reason 'account closed by hand'",
    )
    .action(async (service: string, options: Options) => {
      const { source = "", view = "", key = "", sequence = 0n, all = false, reason } = options;
      if (key === "" && sequence === 0n && !all)
        throw usageFailure("Which dead letters are given up?", "Say --sequence, --key, or --all.");
      const terminal = processTerminal();
      const client = subscriptionsOf(chosenGateway(options.gateway), service);
      const call = client.skipDeadLetters({ source, view, key, sequence, all, reason });
      const { skipped } = await orFailure(SubscriptionService.method.skipDeadLetters, call, terminal, options.json);
      if (options.json) terminal.out(JSON.stringify({ skipped: Number(skipped) }));
      else if (skipped === 0n) terminal.err("There is no such dead letter.");
      else terminal.out(`${skipped} given up.`);
    });
