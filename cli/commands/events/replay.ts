import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { Command } from "commander";
import { addDeadLetterOptions, type DeadLetterChoice } from "../../dead-letter-options.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { subscriptionsOf } from "../../subscriptions.ts";
import { processTerminal } from "../../terminal.ts";

/** `heddle events replay`: lets dead letters be tried again. */
export const replayCommand = (): Command =>
  addDeadLetterOptions(new Command("replay"), { withSequence: true })
    .description("Try dead letters again, in the order of their keys: all, or those that the options choose.")
    .argument("<service>", "the service that could not apply them")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle events replay creditscore\n  heddle events replay creditscore --source billing --key acc_01h…",
    )
    .action(async (service: string, options: DeadLetterChoice & { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const { source = "", view = "", key = "", sequence = 0n } = options;
      const client = subscriptionsOf(chosenGateway(options.gateway), service);
      const call = client.replayDeadLetters({ source, view, key, sequence });
      const { replayed } = await orFailure(SubscriptionService.method.replayDeadLetters, call, terminal, options.json);
      if (options.json) terminal.out(JSON.stringify({ replayed: Number(replayed) }));
      else if (replayed === 0n) terminal.err("There is no such dead letter.");
      else terminal.out(`${replayed} tried again; heddle events dead-letters ${service} shows what fails once more.`);
    });
