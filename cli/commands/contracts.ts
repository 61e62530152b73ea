import { Command } from "commander";
import { contractsAllowCommand } from "./contracts/contracts-allow.ts";
import { contractsCheckCommand } from "./contracts/contracts-check.ts";
import { contractsDiffCommand } from "./contracts/contracts-diff.ts";
import { contractsHistoryCommand } from "./contracts/contracts-history.ts";
import { contractsListCommand } from "./contracts/contracts-list.ts";
import { contractsOverridesCommand } from "./contracts/contracts-overrides.ts";
import { contractsRevokeCommand } from "./contracts/contracts-revoke.ts";
import { contractsShowCommand } from "./contracts/contracts-show.ts";

/** `heddle contracts`: what the mesh promises its callers, and what it says of a change. */
export const contractsCommand = (): Command => {
  const contracts = new Command("contracts").description(
    "Show the contracts in force and what was refused, and ask what the mesh would say of a change.",
  );
  for (const command of [
    contractsListCommand(),
    contractsShowCommand(),
    contractsDiffCommand(),
    contractsHistoryCommand(),
    contractsCheckCommand(),
    contractsAllowCommand(),
    contractsOverridesCommand(),
    contractsRevokeCommand(),
  ]) {
    contracts.addCommand(command);
  }
  return contracts.addHelpText(
    "after",
    `
Examples:
  heddle contracts list
  heddle contracts check
  heddle contracts history customer.v1
  heddle contracts allow customer.v1 --hash 0123abcd4567 --reason "nobody sets it" --for 1h`,
  );
};
