import { Command } from "commander";
import { sagasListCommand } from "./sagas/sagas-list.ts";
import { sagasRetryCommand } from "./sagas/sagas-retry.ts";
import { sagasShowCommand } from "./sagas/sagas-show.ts";

/** `heddle sagas`: the transactions that span services, and what an operator does about those that are stuck. */
export const sagasCommand = (): Command => {
  const sagas = new Command("sagas").description(
    "Show the transactions that span services, step by step, and set going what is parked.",
  );
  for (const command of [sagasListCommand(), sagasShowCommand(), sagasRetryCommand()]) sagas.addCommand(command);
  return sagas.addHelpText(
    "after",
    `
Examples:
  heddle sagas list --state parked
  heddle sagas show ord_01h…
  heddle sagas retry sag_01h…`,
  );
};
