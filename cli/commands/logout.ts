import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { gatewayOption } from "../mesh-options.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { readSession, sessionFile, writeSession } from "../session-file.ts";
import { processTerminal } from "../terminal.ts";

/** Milliseconds that the mesh gets to close the session: one that is away must not keep anybody signed in here. */
const TIMEOUT_MS = 2_000;

/** `heddle logout`: ends the session of `heddle login`. */
export const logoutCommand = (): Command =>
  new Command("logout")
    .description("End the session of heddle login.")
    .addOption(gatewayOption())
    .addHelpText("after", "\nExamples:\n  heddle logout")
    .action(async (options: { gateway?: string }) => {
      const terminal = processTerminal();
      const gateway = chosenGateway(options.gateway);
      const file = sessionFile();
      const session = readSession(file, gateway);
      if (session === undefined) {
        terminal.err(`Nobody is signed in at ${gateway}.`);
        return;
      }
      writeSession(file, gateway, undefined);
      const auth = createClient(AuthService, grpcTransport(gateway, systemRuntime()));
      try {
        await auth.logout({ refreshToken: session.refreshToken }, { timeoutMs: TIMEOUT_MS });
        terminal.err(`Signed out ${session.email} at ${gateway}.`);
      } catch {
        terminal.err(`Forgot the session of ${session.email}; ${gateway} did not hear of it.`);
      }
      if (process.env.HEDDLE_TOKEN) terminal.err("HEDDLE_TOKEN is still set, and goes before any session.");
    });
