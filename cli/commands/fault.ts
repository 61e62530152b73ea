import { Command } from "commander";
import { faultAddCommand } from "./fault/fault-add.ts";
import { faultListCommand } from "./fault/fault-list.ts";
import { faultRemoveCommand } from "./fault/fault-remove.ts";

/** `heddle fault`: what befalls calls on purpose. */
export const faultCommand = (): Command => {
  const fault = new Command("fault").description("Delay or fail calls on purpose, for tests and drills, for a time.");
  for (const command of [faultAddCommand(), faultListCommand(), faultRemoveCommand()]) fault.addCommand(command);
  return fault.addHelpText(
    "after",
    `
Examples:
  heddle fault add order.v1.OrderService/PlaceOrder --abort unavailable --share 10 --for 5m
  heddle fault list
  heddle fault remove --all`,
  );
};
