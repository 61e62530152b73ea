import process from "node:process";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { createClient } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { describeToken, inWords } from "../describe-token.ts";
import { usageFailure } from "../failure.ts";
import { gatewayOption } from "../mesh-options.ts";
import { readHidden } from "../read-hidden.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { sessionOf } from "../renew-session.ts";
import { orFailure } from "../rpc-failure.ts";
import { sessionFile, writeSession } from "../session-file.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle login`: signs in, so that every command after it calls as this user. */
export const loginCommand = (): Command =>
  new Command("login")
    .description("Sign in as a user of the mesh; later commands at this gateway call as that user.")
    .option("--email <address>", "who signs in; asked for without it")
    .addOption(gatewayOption())
    .addHelpText(
      "after",
      `
The password is asked for, or read from standard input where that is no terminal. The session is kept in
$XDG_CONFIG_HOME/heddle/sessions.json (~/.config), readable by you alone, and renewed by itself; heddle logout ends it.

Examples:
  heddle login --email clerk@example.com
  heddle login --email clerk@example.com < password.txt`,
    )
    .action(async (options: { email?: string; gateway?: string }) => {
      const terminal = processTerminal();
      const gateway = chosenGateway(options.gateway);
      const { email, password } = await askFor(options.email);
      const auth = createClient(AuthService, grpcTransport(gateway, systemRuntime()));
      const { tokens } = await orFailure(AuthService.method.login, auth.login({ email, password }), terminal);
      if (tokens === undefined) throw new TypeError("Login answered without tokens");
      writeSession(sessionFile(), gateway, sessionOf(email, tokens));
      terminal.err(`Signed in at ${gateway} as ${email}, ${inWords(describeToken(tokens.accessToken))}.`);
    });

const askFor = async (given: string | undefined): Promise<{ email: string; password: string }> => {
  if (!process.stdin.isTTY) {
    if (given === undefined)
      throw usageFailure("Without a terminal, --email says who signs in.", "heddle login --help");
    const [password = ""] = (await text(process.stdin)).split(/\r?\n/, 1);
    if (password === "") throw usageFailure("There is no password on standard input.", "heddle login --help");
    return { email: given, password };
  }
  const email = given ?? (await ask("E-mail: "));
  return { email, password: await readHidden("Password: ") };
};

const ask = async (prompt: string): Promise<string> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(prompt)).trim();
  } finally {
    terminal.close();
  }
};
