import process from "node:process";
import { Command } from "commander";
import { describeToken, inWords } from "../describe-token.ts";
import { EXIT } from "../exit-code.ts";
import { Failure } from "../failure.ts";
import { gatewayOption, jsonOption } from "../mesh-options.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { accessToken } from "../session.ts";
import { readSession, sessionFile } from "../session-file.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle whoami`: as whom commands call. */
export const whoamiCommand = (): Command =>
  new Command("whoami")
    .description("Show as whom commands call at a gateway.")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExit status: 0 somebody, 1 nobody.\n\nExamples:\n  heddle whoami\n  heddle whoami --json")
    .action(async (options: { gateway?: string; json?: boolean }) => {
      const { out } = processTerminal();
      const gateway = chosenGateway(options.gateway);
      const token = await accessToken(gateway);
      if (token === undefined) {
        throw new Failure(`Nobody is signed in at ${gateway}.`, {
          next: "heddle login; a mesh in local mode lets callers of its own machine in without.",
          exitCode: EXIT.failed,
        });
      }
      const described = describeToken(token);
      const email = process.env.HEDDLE_TOKEN ? undefined : readSession(sessionFile(), gateway)?.email;
      if (options.json) out(JSON.stringify({ gateway, email, ...described }));
      else out(`${email === undefined ? "" : `${email}, `}${inWords(described)}, at ${gateway}`);
    });
