import { Command } from "commander";
import { trafficClearCommand } from "./traffic/traffic-clear.ts";
import { trafficMirrorCommand } from "./traffic/traffic-mirror.ts";
import { trafficSetCommand } from "./traffic/traffic-set.ts";
import { trafficShowCommand } from "./traffic/traffic-show.ts";

/** `heddle traffic`: which version of a service gets which calls. */
export const trafficCommand = (): Command => {
  const traffic = new Command("traffic").description(
    "Share the calls of a service among its versions, send some by a header, copy some to a version and compare.",
  );
  for (const command of [trafficSetCommand(), trafficShowCommand(), trafficMirrorCommand(), trafficClearCommand()]) {
    traffic.addCommand(command);
  }
  return traffic.addHelpText(
    "after",
    `
Examples:
  heddle traffic set order v1.3.0=90 v1.4.0=10
  heddle traffic set order --header x-canary=1:v1.4.0
  heddle traffic mirror order v1.4.0 --share 5
  heddle traffic show order
  heddle traffic clear order`,
  );
};
